"""Spares each test's own app what is the same in all of them: its templates and routes, compiled.

Every test still builds an app; only what Jinja and Werkzeug make of the same text is kept.
"""

from collections.abc import Callable
from types import CodeType

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule

Builder = Callable[..., tuple[str, str]]


class CompiledTemplates(BytecodeCache):
    """Keeps compiled templates in memory as long as their text is the same."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self.known.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.known[bucket.key, bucket.checksum] = bucket.code


_templates = CompiledTemplates()
_builders: dict[tuple[object, ...], Builder] = {}
_compile = Rule._compile_builder  # noqa: SLF001 - there is no public way, and it takes 30 ms an app


def _compile_once(rule: Rule, append_unknown: bool = True) -> Builder:
    """Return the function that writes a rule's address; it takes the rule itself as argument."""
    if rule.defaults:
        return _compile(rule, append_unknown)
    key = (rule.rule, tuple(rule._trace), append_unknown)  # noqa: SLF001
    if key not in _builders:
        _builders[key] = _compile(rule, append_unknown)
    return _builders[key]


def share_routes() -> None:
    """Compile each route once in this process, from now on."""
    Rule._compile_builder = _compile_once  # type: ignore[method-assign, assignment]  # noqa: SLF001


def share_templates(app: Flask) -> None:
    """Compile each template once for all apps that this was called with."""
    app.jinja_env.bytecode_cache = _templates
