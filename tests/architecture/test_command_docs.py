"""Holds docs/commands.md to the code; `python -m tests.architecture.test_command_docs` renews it.

Only what follows the mark is written; the prose before it is by hand.
"""

from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import click
from flask import Flask
from flask.cli import FlaskGroup

from clinicdir import cli

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
MARK = "<!-- from here on: written by python -m tests.architecture.test_command_docs -->"
WIDTH = 78


def own_commands() -> dict[str, click.Command]:
    """Return the commands that clinicdir itself hangs on `flask`, by name."""
    bare = Flask("clinicdir")
    bare.cli.commands.clear()
    cli.init_app(bare)
    return dict(sorted(bare.cli.commands.items()))


def all_helps() -> Iterator[tuple[str, str]]:
    """Yield the words of each command and its help, groups before what they hold."""
    top = click.Context(click.Group("flask"), info_name="flask")
    for name, command in own_commands().items():
        yield from helps_of(command, name, parent=top)


def helps_of(
    command: click.Command, name: str, *, parent: click.Context
) -> Iterator[tuple[str, str]]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH)
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for inner_name, inner in sorted(command.commands.items()):
            yield from helps_of(inner, inner_name, parent=context)


def generated() -> str:
    """Return the written part of the page."""
    parts = [f"## {words}\n\n```text\n{text}\n```\n" for words, text in all_helps()]
    return "\n".join(parts)


def split_page() -> tuple[str, str]:
    before, _, after = PAGE.read_text(encoding="utf-8").partition(f"{MARK}\n\n")
    return before, after


def options_of(command: click.Command, words: str) -> Iterator[tuple[str, click.Option]]:
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield f"{words} {parameter.opts[0]}", parameter
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from options_of(inner, f"{words} {name}")


def test_page_holds_the_help_of_every_command() -> None:
    assert split_page()[1] == generated()


def test_every_command_says_what_it_does() -> None:
    assert [words for words, text in all_helps() if text.count("\n\n") < 2] == []


def test_no_option_is_hidden_from_the_page() -> None:
    hidden = [
        words
        for name, command in own_commands().items()
        for words, option in options_of(command, name)
        if option.hidden
    ]
    assert hidden == []


def test_page_names_the_commands_of_others(app: Flask) -> None:
    """A library that brings a new command is seen here, and its command is explained or removed."""
    named = [
        line.split("`")[1].removeprefix("flask ")
        for line in split_page()[0].splitlines()
        if line.startswith("- `flask ")
    ]
    libraries = {entry.name for entry in entry_points(group="flask.commands")}
    all_names = {*FlaskGroup().commands, *app.cli.commands, *libraries}
    assert named == sorted(all_names - set(own_commands()))


def renew() -> None:
    """Write the second part of the page anew."""
    text = f"{split_page()[0]}{MARK}\n\n{generated()}"
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    renew()
