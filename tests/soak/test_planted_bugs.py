"""Plants the bugs of tests/soak/planted, one by one, and requires the test that each names to fail.

`python -m tests.soak.test_planted_bugs` writes docs/planted-bugs.md from the same patches.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from tools.tree_copy import copy_tree
from tools.warm_tests import ask, warm_process

ROOT = Path(__file__).parent.parent.parent
FOLDER = Path(__file__).parent / "planted"
DOCS = ROOT / "docs/planted-bugs.md"
FEWEST = 25
# A second each on a quiet machine: `make test` plants these, `make soak` all of them.
IN_EVERY_RUN = {
    "manager-sees-everything",
    "open-redirect",
    "old-keys-forgotten",
    "audit-without-chain",
    "retry-without-back-off",
}
# One engine is enough to notice a slip of the program; the suite itself runs on both.
PYTEST = ["-x", "-q", "-rfE", "--tb=no", "-p", "no:cacheprovider", "-k", "not postgresql"]
TESTS_FAILED = 1  # pytest's exit code; 2 to 5 are trouble of another kind
INTRODUCTION = """# Planted bugs

A suite that is green says little until it has caught something. Each patch in
`tests/soak/planted` puts one bug into a copy of this tree, of the kind that costs patients or
clinics most, and `tests/soak/test_planted_bugs.py` requires that the named test then fails: `make
soak` plants all of them, `make test` those marked with a star. A patch that does not apply any
more is a failure that says so: make it anew from the code as it is.

`python -m tests.soak.test_planted_bugs` writes this page from the patches.

| | the bug | the test that catches it |
|---|---|---|
"""


@dataclass(frozen=True)
class Planted:
    """A bug as its patch tells of it: what it does, and the test that must notice."""

    path: Path
    bug: str
    caught_by: str

    @property
    def name(self) -> str:
        """Return the patch's name without its number."""
        return self.path.stem.partition("-")[2]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the head of a patch: a line `Bug: …` and a line `Caught by: FILE::TEST`."""
        bug, caught_by = path.read_text().splitlines()[:2]
        return cls(path, bug.removeprefix("Bug: "), caught_by.removeprefix("Caught by: "))


PLANTED = [Planted.read(path) for path in sorted(FOLDER.glob("*.patch"))]
DUE = [
    pytest.param(
        planted,
        id=planted.name,
        marks=[] if planted.name in IN_EVERY_RUN else pytest.mark.soak,
    )
    for planted in PLANTED
]


@dataclass(frozen=True)
class Bed:
    """A copy of the tree in which bugs are planted, and the process that runs its tests."""

    tree: Path
    door: Path
    output: Path

    def git_apply(self, patch: Path, *options: str) -> subprocess.CompletedProcess[str]:
        command = ["git", "apply", *options, str(patch)]
        return subprocess.run(  # noqa: S603 - our own command
            command, cwd=self.tree, capture_output=True, text=True, check=False
        )

    def run(self, *tests: str) -> tuple[int, list[str]]:
        """Return pytest's exit code, and the names of the tests that failed."""
        code = ask(self.door, tree=self.tree, arguments=[*PYTEST, *tests], output=self.output)
        lines = self.output.read_text().splitlines()
        return code, [line.split()[1] for line in lines if line.startswith("FAILED ")]


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    folder = tmp_path_factory.mktemp("planted")
    copy_tree(folder / "tree")
    with warm_process() as door:
        yield Bed(folder / "tree", door, folder / "output.txt")


@pytest.mark.parametrize("planted", DUE)
def test_planted_bug_is_caught(bed: Bed, planted: Planted) -> None:
    begun = time.monotonic()
    applied = bed.git_apply(planted.path)
    assert applied.returncode == 0, (
        f"{planted.path.name} no longer applies. Plant this bug in the code as it is now, and put"
        f" the new `git diff` under the two lines of its head:\n{applied.stderr}"
    )
    try:
        code, failed = bed.run(planted.caught_by)
    finally:
        assert bed.git_apply(planted.path, "-R").returncode == 0
    said = bed.output.read_text()
    assert code == TESTS_FAILED, (
        f"no test noticed: {planted.bug} (pytest ended with {code})\n{said}"
    )
    assert [name.partition("[")[0] for name in failed] == [planted.caught_by], said
    print(f"caught in {time.monotonic() - begun:.1f} s: {planted.name} by {failed[0]}")  # noqa: T201


@pytest.mark.soak
def test_the_same_tests_pass_while_nothing_is_planted(bed: Bed) -> None:
    assert bed.run(*sorted({planted.caught_by for planted in PLANTED})) == (0, [])


def test_there_are_enough_bugs_and_each_says_what_it_is() -> None:
    assert len(PLANTED) >= FEWEST
    names = [planted.name for planted in PLANTED]
    assert len(set(names)) == len(names)
    assert set(names) >= IN_EVERY_RUN
    for planted in PLANTED:
        file, _, test = planted.caught_by.partition("::")
        assert planted.bug.endswith("."), planted.path.name
        assert f"def {test}(" in (ROOT / file).read_text(), planted.path.name


def test_page_names_every_bug() -> None:
    assert DOCS.read_text() == page(), "run `python -m tests.soak.test_planted_bugs`"


def page() -> str:
    rows = []
    for planted in PLANTED:
        star = "*" if planted.name in IN_EVERY_RUN else ""
        file, _, test = planted.caught_by.partition("::")
        bug = planted.bug.replace("|", "\\|")
        rows.append(f"| {planted.path.stem[:2]}{star} | {bug} | `{file}`: `{test}` |\n")
    return INTRODUCTION + "".join(rows)


if __name__ == "__main__":
    sys.exit(0 if DOCS.write_text(page()) else 1)
