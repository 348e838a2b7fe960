"""Finds, in the text of the program, slips that no single request shows: each names its reason."""

import ast
from collections.abc import Callable
from functools import cache

import pytest

from tests.architecture.test_house_rules import trees

Finder = Callable[[ast.AST], list[int]]
_RUNS_SQL = {"text", "execute", "executescript", "exec_driver_sql", "scalar", "scalars"}
# Reviewed: what is put in are names and numbers of our own, never anything that was typed.
_SQL_OF_OUR_OWN_NAMES = {
    "clinicdir/backup/scratch.py": 3,  # the name of a scratch database
    "clinicdir/db.py": 1,  # names of settings
    "clinicdir/patience/sqlite.py": 3,  # times to wait
    "clinicdir/web/limits.py": 2,  # names of two tables and their keys
}
_SECRETS = ("token", "digest", "signature", "secret", "password")
# Reviewed: nobody who guesses gets at these.
_NO_GUESS = {
    "clinicdir/web/public/drafts.py": 2,  # a list in a signed cookie is searched for its own entry
    "clinicdir/web/staff/notice_settings.py": 1,  # two stored ones, to see whether one is new
}
_LOGS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def sql_of_pieces(tree: ast.AST) -> list[int]:
    """Return the lines that run SQL put together from pieces."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _name_of(node.func) in _RUNS_SQL and node.args
        for given in [node.args[0]]
        if _is_of_pieces(given)
    ]


def _is_of_pieces(given: ast.expr) -> bool:
    if isinstance(given, ast.JoinedStr):
        return any(isinstance(piece, ast.FormattedValue) for piece in given.values)
    if isinstance(given, ast.BinOp):
        return isinstance(given.op, ast.Add | ast.Mod) and any(
            isinstance(side, ast.JoinedStr)
            or (isinstance(side, ast.Constant) and isinstance(side.value, str))
            for side in (given.left, given.right)
        )
    return isinstance(given, ast.Call) and _name_of(given.func) in ("format", "join")


def secrets_compared(tree: ast.AST) -> list[int]:
    """Return the lines that compare a secret by == or !=, whose time tells how much is right.

    Comparisons of columns are made by the database, of hashes: there no byte is guessed.
    """
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops)
        and any(_is_secret(side) for side in (node.left, *node.comparators))
        and not any(_is_column(side) for side in (node.left, *node.comparators))
    ]


def _is_secret(side: ast.expr) -> bool:
    """Say whether a value is called like a secret; what is given to a call does not count."""
    node: ast.AST | None = side
    while node is not None:
        if any(secret in _name_of(node) for secret in _SECRETS):
            return True
        inner = getattr(node, "func", None) or getattr(node, "value", None)
        node = inner if isinstance(inner, ast.AST) else None
    return False


def _is_column(side: ast.expr) -> bool:
    """Say whether it is `Model.column`: a model's name begins with a capital."""
    return (
        isinstance(side, ast.Attribute)
        and isinstance(side.value, ast.Name)
        and side.value.id[:1].isupper()
    )


def composed_log_lines(tree: ast.AST) -> list[int]:
    """Return the lines that log a text put together there: its values get past the formatter."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _LOGS
        and "log" in _name_of(node.func.value)
        and node.args
        and _is_of_pieces(node.args[0])
    ]


def _name_of(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


@cache
def parsed() -> list[tuple[str, ast.Module]]:
    return list(trees())


def found_by(find: Finder) -> dict[str, int]:
    return {name: len(lines) for name, tree in parsed() if (lines := find(tree))}


def test_no_sql_is_put_together_from_what_was_typed() -> None:
    assert found_by(sql_of_pieces) == _SQL_OF_OUR_OWN_NAMES


def test_secrets_are_compared_in_constant_time() -> None:
    assert found_by(secrets_compared) == _NO_GUESS


def test_log_lines_are_constant_texts() -> None:
    assert found_by(composed_log_lines) == {}


@pytest.mark.parametrize(
    ("find", "source"),
    [
        (sql_of_pieces, "text(f\"email = '{typed}'\")"),
        (sql_of_pieces, "session.execute('email = ' + typed)"),
        (sql_of_pieces, "session.scalars(text('email = %s' % typed))"),
        (sql_of_pieces, "connection.exec_driver_sql('email = {}'.format(typed))"),
        (secrets_compared, "given == settings.metrics_token.get_secret_value()"),
        (secrets_compared, "digest != _digest(secret, body)"),
        (composed_log_lines, "_log.info(f'sent by {name}')"),
        (composed_log_lines, "current_app.logger.warning('sent by %s' % name)"),
    ],
)
def test_each_slip_would_be_found(find: Finder, source: str) -> None:
    assert find(ast.parse(source)) == [1]
