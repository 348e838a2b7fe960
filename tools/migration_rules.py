"""Says where a migration would stop those who work, or could not be run again after a kill.

It reads the source alone, so it sees what is written out; CONTRIBUTING.md has the reasons.
"""

import ast
from collections.abc import Iterable, Iterator

# Those before went out with the first release: no database with rows in it has them ahead.
FIRST_RELEASE = "0006_notices"
_TAKES_AWAY = {"alter_column", "drop_column", "drop_constraint", "drop_table", "rename_table"}
_CHANGES_TABLES = _TAKES_AWAY | {"add_column", "create_index", "create_table"}
_CHANGES_ROWS = ("update ", "delete ", "insert ")


def faults_of(source: str) -> Iterator[str]:
    """Yield what is wrong with one migration, in words."""
    tree = ast.parse(source)
    doc = ast.get_docstring(tree) or ""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    down = functions.pop("downgrade", None)
    up = [call for node in functions.values() for call in _calls(node)]
    yield from _way_down(down, doc)
    yield from _of_columns(up)
    yield from _of_indexes(up)
    yield from _of_reruns(functions.values())
    taken = sorted({_name(call) for call in up} & _TAKES_AWAY)
    if taken and "Contract:" not in doc:
        yield (
            f"{', '.join(taken)}: code of the release before still uses what is taken away."
            ' Say in the docstring "Contract: …", since which release nobody has used it'
        )
    has_ddl = any(_name(call) in _CHANGES_TABLES for call in up)
    if has_ddl and any(_sql(call).startswith(_CHANGES_ROWS) for call in up):
        yield "tables and rows are changed in one: make two migrations of it"


def _way_down(down: ast.FunctionDef | None, doc: str) -> Iterator[str]:
    if down is None:
        yield "downgrade() is missing"
        return
    if any(isinstance(node, ast.Raise) for node in ast.walk(down)):
        if "One way:" not in doc:
            yield 'downgrade() refuses: say why in the docstring, "One way: …"'
    elif not list(_calls(down)):
        yield "downgrade() does nothing: undo the migration, or raise RuntimeError with the reason"


def _of_columns(up: list[ast.Call]) -> Iterator[str]:
    new_tables = [call for call in up if _name(call) == "create_table"]
    within = {id(call) for table in new_tables for call in ast.walk(table)}
    for call in up:
        words = _words(call)
        if _name(call) != "Column" or id(call) in within or "server_default" in words:
            continue
        if words.get("nullable") is not True:
            yield (
                f"column {_literal(call)}: code of the release before does not write it. Give it"
                " nullable=True or a server_default"
            )
    tables = sorted({_literal(call) for call in up if _name(call) == "add_column"} - {""})
    if len(tables) > 1:
        yield (
            f"{' and '.join(tables)} are locked in one transaction, a deadlock for who writes to"
            " both: make a migration for each"
        )


def _of_indexes(up: list[ast.Call]) -> Iterator[str]:
    made = {_literal(call) for call in up if _name(call) == "create_table"}
    indexes = [call for call in up if _name(call) == "create_index"]
    on_old = [call for call in indexes if _literal(call, 1) not in made]
    if on_old and not any(_words(call).get("postgresql_concurrently") for call in on_old):
        yield (
            "an index on a table that is in use keeps writers out while it is built: on PostgreSQL"
            " give it postgresql_concurrently=True, in an autocommit_block()"
        )


def _of_reruns(functions: Iterable[ast.FunctionDef]) -> Iterator[str]:
    for function in functions:
        for node in ast.walk(function):
            if isinstance(node, ast.With) and "autocommit_block" in ast.unparse(node.items[0]):
                yield from _of_block([call for one in node.body for call in _calls(one)])


def _of_block(calls: list[ast.Call]) -> Iterator[str]:
    drops = any(_name(call) == "drop_index" and _words(call).get("if_exists") for call in calls)
    for call in calls:
        name, words = _name(call), _words(call)
        again = drops if name == "create_index" else words.get("if_not_exists")
        if name in {"add_column", "create_table", "create_index"} and not again:
            yield (
                f"{name} outside a transaction cannot be run again after a kill: give it"
                " if_not_exists=True; drop an index with if_exists=True before, for a killed run"
                " leaves one that is not used"
            )


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    return (found for found in ast.walk(node) if isinstance(found, ast.Call))


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _words(call: ast.Call) -> dict[str, object]:
    """Return the call's keyword arguments; what is no constant counts as given."""
    return {
        word.arg: word.value.value if isinstance(word.value, ast.Constant) else "given"
        for word in call.keywords
        if word.arg
    }


def _literal(call: ast.Call, place: int = 0) -> str:
    """Return the text at that place of the arguments, "" where it is worked out."""
    found = call.args[place] if len(call.args) > place else None
    return str(found.value) if isinstance(found, ast.Constant) else ""


def _sql(call: ast.Call) -> str:
    return _literal(call).lower().lstrip() if _name(call) == "execute" else ""
