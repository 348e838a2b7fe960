"""The rules of the house that a machine can check; each names its reason when it fails."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

ROOT = Path(__file__).parent.parent.parent
MODULES = sorted((ROOT / "clinicdir").rglob("*.py"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
LONGEST_MODULE = 300
LONGEST_FUNCTION = 40
BANNED_NAMES = {"utils", "helpers", "common", "misc", "manager", "base"}


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in MODULES:
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())


def calls(tree: ast.AST, name: str) -> list[int]:
    """Return the lines that call a method of that name."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == name
    ]


def test_imports_keep_their_contracts() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert "5 kept, 0 broken" in done.stdout, done.stdout


def test_only_transaction_commits() -> None:
    committers = {name: calls(tree, "commit") for name, tree in trees() if calls(tree, "commit")}
    assert list(committers) == ["clinicdir/db.py"]
    assert len(committers["clinicdir/db.py"]) == 1


def test_only_request_operations_write_a_status() -> None:
    """A location's own status is another thing, and its package knows no requests."""
    writers = {
        name
        for name, tree in trees()
        if not name.startswith("clinicdir/locations/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Attribute) and target.attr == "status"
    }
    assert writers == {"clinicdir/appointments/operations.py"}


def test_every_blueprint_has_a_guard(app: Flask) -> None:
    assert set(app.extensions["clinicdir.guards"]) == set(app.blueprints)


def test_modules_and_functions_stay_small() -> None:
    long_modules = {
        path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines())
        for path in MODULES
        if len(path.read_text().splitlines()) > LONGEST_MODULE
    }
    assert long_modules == {}
    long_functions = {
        f"{name}:{node.lineno} {node.name}"
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION + _docstring_lines(node)
    }
    assert long_functions == set()


def _docstring_lines(node: ast.FunctionDef) -> int:
    documented = ast.get_docstring(node, clean=False)
    return len(documented.splitlines()) if documented else 0


def test_no_module_is_called_after_nothing() -> None:
    assert [path.name for path in MODULES if path.stem in BANNED_NAMES] == []


def test_importing_the_package_reads_and_opens_nothing() -> None:
    watch = (
        "import sys, os\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(args[0]) if event == 'open' and"
        " isinstance(args[0], str) and not args[0].endswith(('.py', '.pyc'))"
        " and 'clinicdir' in args[0] and 'site-packages' not in args[0] else None)\n"
        "import clinicdir\n"
        "print([name for name in opened if '__pycache__' not in name])"
    )
    done = subprocess.run(  # noqa: S603 - our own text
        [sys.executable, "-c", watch], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template_compiles_and_uses_what_it_imports(app: Flask, path: Path) -> None:
    name = path.relative_to(ROOT / "templates").as_posix()
    app.jinja_env.get_template(name)
    text = path.read_text()
    imported = re.findall(r"{% from \"[^\"]+\" import (\w+) %}", text)
    unused = [macro for macro in imported if len(re.findall(rf"\b{macro}\b\(", text)) == 0]
    assert unused == []


def test_templates_have_no_way_around_escaping() -> None:
    around = [
        path.name
        for path in [*TEMPLATES, *MODULES]
        if re.search(r"\|\s*safe\b|autoescape false|Markup\(", path.read_text())
    ]
    assert around == []


def test_no_component_holds_more_than_its_macro() -> None:
    components = (ROOT / "templates/components").glob("*.html")
    macros = {path.stem: re.findall(r"{% macro (\w+)\(", path.read_text()) for path in components}
    assert macros == {name: [name] for name in macros}
