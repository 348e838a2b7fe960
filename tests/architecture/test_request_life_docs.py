"""Holds docs/request-life.md to the table of moves; run as a module it renews the page.

`python -m tests.architecture.test_request_life_docs`; the prose before the mark is by hand.
"""

from pathlib import Path

from clinicdir.appointments.notices import OWN_TOLD, TOLD, TRUE_IN
from clinicdir.appointments.rules import TRANSITIONS, Action, Status

PAGE = Path(__file__).parents[2] / "docs" / "request-life.md"
MARK = "<!-- from here on: written by python -m tests.architecture.test_request_life_docs -->"
FROM_ANYWHERE = [
    action for action in Action if all((status, action) in TRANSITIONS for status in Status)
]


def diagram() -> str:
    """Return the moves between states for Mermaid; what is possible anywhere is left out."""
    between: dict[tuple[Status, Status], list[Action]] = {}
    for (start, action), to in TRANSITIONS.items():
        if start is not to and action not in FROM_ANYWHERE:
            between.setdefault((start, to), []).append(action)
    arrows = [
        f"    {start} --> {to}: {', '.join(actions)}" for (start, to), actions in between.items()
    ]
    return "\n".join(["stateDiagram-v2", "    [*] --> received: submit", *arrows])


def table() -> str:
    """Return every state with its moves, in the order of the code."""
    lines = ["| state | move → next state |", "|---|---|"]
    for status in Status:
        moves = [
            f"`{action}` → {to}"
            for (start, action), to in TRANSITIONS.items()
            if start is status and action not in FROM_ANYWHERE
        ]
        lines.append(f"| `{status}` | {' · '.join(moves) or 'none'} |")
    return "\n".join(lines)


def mails() -> str:
    """Return which move tells the patient by mail, and in which states that mail is still true."""
    lines = ["| move | mail | true, and so sent, in |", "|---|---|---|"]
    for action, kind in TOLD.items():
        states = ", ".join(status for status in Status if status in TRUE_IN[kind])
        lines.append(f"| `{action}` | `{kind}` | {states} |")
    return "\n".join(lines)


def generated() -> str:
    anywhere = ", ".join(f"`{a}` → {TRANSITIONS[Status.RECEIVED, a]}" for a in FROM_ANYWHERE)
    anywhere = anywhere.replace("`note` → received", "`note` → the same state")
    return (
        f"## Moves by state\n\n{table()}\n\nFrom every state: {anywhere}.\n\n"
        f"## Diagram\n\n```mermaid\n{diagram()}\n```\n\n"
        f"## Mail to the patient\n\n{mails()}\n\n"
        f"Of the patient's own presses these alone cause one: {', '.join(sorted(OWN_TOLD))}.\n"
    )


def test_page_says_what_the_table_says() -> None:
    before, mark, after = PAGE.read_text().partition(MARK)
    assert before
    assert mark
    assert after.strip() == generated().strip()


def test_every_state_stands_in_the_diagram() -> None:
    """entered_in_error is reached from anywhere, so no arrow does: it would hide all."""
    drawn = diagram()
    assert [status for status in Status if f" {status}" not in drawn] == []
    unreached = {status for status in Status if f"--> {status}:" not in drawn}
    assert unreached == {Status.ENTERED_IN_ERROR}


if __name__ == "__main__":
    text = PAGE.read_text().partition(MARK)[0]
    PAGE.write_text(f"{text}{MARK}\n\n{generated()}")
