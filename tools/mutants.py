"""Changes one operator or number at a time and counts the changes that no test notices.

`make mutants` runs it: cosmic-ray makes each mutant in a copy of the tree, and the tests named in
tools/mutation.toml run against it. What it prints is explained in docs/mutation.md.
"""

import argparse
import ast
import json
import shlex
import sqlite3
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.tree_copy import copy_tree
from tools.warm_tests import ask, warm_process

ROOT = Path(__file__).parent.parent
LONGEST_S = 90
# One change for each slip of the pen. Cosmic-ray knows ten for every operator, most of which are
# a TypeError that any test at all would notice: they would flatter the figure.
OPERATORS = {
    "ReplaceBinaryOperator_Add_Sub", "ReplaceBinaryOperator_Sub_Add",
    "ReplaceBinaryOperator_Mul_Div", "ReplaceBinaryOperator_Div_Mul",
    "ReplaceBinaryOperator_FloorDiv_Mul", "ReplaceBinaryOperator_Mod_Mul",
    "ReplaceBinaryOperator_BitOr_BitAnd", "ReplaceBinaryOperator_BitAnd_BitOr",
    "ReplaceComparisonOperator_Eq_NotEq", "ReplaceComparisonOperator_NotEq_Eq",
    "ReplaceComparisonOperator_Lt_LtE", "ReplaceComparisonOperator_Lt_GtE",
    "ReplaceComparisonOperator_LtE_Lt", "ReplaceComparisonOperator_LtE_Gt",
    "ReplaceComparisonOperator_Gt_GtE", "ReplaceComparisonOperator_Gt_LtE",
    "ReplaceComparisonOperator_GtE_Gt", "ReplaceComparisonOperator_GtE_Lt",
    "ReplaceComparisonOperator_Is_IsNot", "ReplaceComparisonOperator_IsNot_Is",
    "ReplaceUnaryOperator_USub_UAdd", "ReplaceUnaryOperator_Delete_Not",
    "AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr",
    "ReplaceOrWithAnd", "ReplaceBreakWithContinue", "ReplaceContinueWithBreak",
    "ExceptionReplacer", "NumberReplacer", "RemoveDecorator", "ZeroIterationForLoop",
}  # fmt: skip
PYTEST = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--no-header", "--tb=no"]


@dataclass(frozen=True)
class Part:
    """A module, the area that it counts to, and the tests that must notice a change in it."""

    area: str
    module: str
    tests: list[str]

    @property
    def arguments(self) -> list[str]:
        """Return what pytest is given: SQLite alone, which takes a tenth of the time."""
        return [*PYTEST, "-k", "not postgresql", *self.tests]


def main() -> int:
    """Try the modules whose path has one of the given words in it, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="parts of module paths")
    parser.add_argument("--cosmic-ray", type=Path, default=ROOT / ".venv-mutants/bin/cosmic-ray")
    parser.add_argument("--keep", type=Path, default=ROOT / "instance/mutants")
    given = parser.parse_args()
    parts = [
        part
        for row in tomllib.loads((ROOT / "tools/mutation.toml").read_text())["parts"]
        if any(word in (part := Part(**row)).module for word in given.words or [""])
    ]
    given.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mutants") as folder, warm_process() as door:
        tree = Path(folder)
        copy_tree(tree)
        for part in parts:
            if ask(door, tree=tree, arguments=part.arguments):
                sys.stderr.write(f"{part.module}: its tests fail without any change\n")
                return 1
            _try(part, tree, door, tool=given.cosmic_ray.absolute(), keep=given.keep.absolute())
    return 0


def _try(part: Part, tree: Path, door: Path, *, tool: Path, keep: Path) -> None:
    name = part.module.removesuffix(".py").replace("/", ".")
    config, session = keep / f"{name}.toml", keep / f"{name}.sqlite"
    run = json.dumps({"tree": str(tree), "arguments": part.arguments})
    asked = [sys.executable, "-S", "-m", "tools.warm_tests", "ask", str(door), run]
    config.write_text(
        f'[cosmic-ray]\nmodule-path = "{part.module}"\ntimeout = {LONGEST_S}.0\n'
        f"excluded-modules = []\ntest-command = {json.dumps(shlex.join(asked))}\n"
        '[cosmic-ray.distributor]\nname = "local"\n'
    )
    session.unlink(missing_ok=True)
    begun = time.monotonic()
    subprocess.run([tool, "init", config, session], cwd=tree, check=True)  # noqa: S603
    _leave_out(session, ast.parse((tree / part.module).read_text()))
    subprocess.run([tool, "exec", config, session], cwd=tree, check=True)  # noqa: S603
    _report(part, session, seconds=time.monotonic() - begun)


def _leave_out(session: Path, module: ast.Module) -> None:
    """Take out what is not in OPERATORS, and what never runs: hints, a bare `*`, protocols."""
    nodes = list(ast.walk(module))
    protocols = [
        node
        for node in nodes
        if isinstance(node, ast.ClassDef) and "Protocol" in map(ast.unparse, node.bases)
    ]
    hints = [
        hint
        for node in nodes
        for field in ("annotation", "returns")
        if (hint := getattr(node, field, None)) is not None
    ]
    sums = [node for node in nodes if isinstance(node, ast.BinOp | ast.AugAssign)]
    with sqlite3.connect(session) as rows:
        found = rows.execute(
            "select job_id, operator_name, start_pos_row, start_pos_col from mutation_specs"
        ).fetchall()
        for job, operator, line, column in found:
            name = operator.removeprefix("core/")
            is_apt = name in OPERATORS and not _lies_in([*hints, *protocols], line, column)
            if name.startswith("ReplaceBinary"):
                is_apt = is_apt and _lies_in(sums, line, column)
            if not is_apt:
                rows.execute("delete from mutation_specs where job_id = ?", (job,))
                rows.execute("delete from work_items where job_id = ?", (job,))


def _lies_in(nodes: Sequence[ast.expr | ast.stmt], line: int, column: int) -> bool:
    return any(
        (node.lineno, node.col_offset)
        <= (line, column)
        < (node.end_lineno or 0, node.end_col_offset or 0)
        for node in nodes
    )


def _report(part: Part, session: Path, *, seconds: float) -> None:
    """Print a row for the table of docs/mutation.md, then each change that nobody noticed."""
    with sqlite3.connect(session) as rows:
        outcomes = rows.execute("select test_outcome, diff from work_results").fetchall()
    made = [one for one in outcomes if one[0] != "INCOMPETENT"]  # where the tool itself failed
    survived = [diff for outcome, diff in made if outcome == "SURVIVED"]
    killed = len(made) - len(survived)
    share = 100 * killed / max(len(made), 1)
    row = [part.area, f"`{part.module}`", len(made), killed, len(survived), f"{share:.0f} %"]
    changes = ["\n".join(diff.splitlines()[3:]) for diff in survived]
    told = ["| " + " | ".join(map(str, row)) + f" | {seconds:.0f} s |", *changes]
    sys.stdout.write("\n\n".join(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
