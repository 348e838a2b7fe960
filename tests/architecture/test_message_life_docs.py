"""Holds docs/message-life.md to the table of what can happen; run as a module it renews the page.

`python -m tests.architecture.test_message_life_docs`; the prose before the mark is by hand.
"""

from pathlib import Path

from clinicdir.notifications.life import LIFE, Happening
from clinicdir.notifications.rules import DeliveryState

PAGE = Path(__file__).parents[2] / "docs" / "message-life.md"
MARK = "<!-- from here on: written by python -m tests.architecture.test_message_life_docs -->"


def diagram() -> str:
    """Return the table for Mermaid, one arrow for each pair of states."""
    between: dict[tuple[DeliveryState, DeliveryState], list[Happening]] = {}
    for (start, happening), to in LIFE.items():
        between.setdefault((start, to), []).append(happening)
    arrows = [
        f"    {start} --> {to}: {', '.join(happenings)}"
        for (start, to), happenings in between.items()
    ]
    return "\n".join(["stateDiagram-v2", "    [*] --> waiting: enqueue", *arrows])


def table() -> str:
    """Return every state with what can happen to it, in the order of the code."""
    lines = ["| state | happening → next state |", "|---|---|"]
    for state in DeliveryState:
        moves = [f"`{what}` → {to}" for (start, what), to in LIFE.items() if start is state]
        lines.append(f"| `{state}` | {' · '.join(moves) or 'none'} |")
    return "\n".join(lines)


def generated() -> str:
    return (
        f"## What can happen in each state\n\n{table()}\n\n"
        f"## Diagram\n\n```mermaid\n{diagram()}\n```\n"
    )


def test_page_says_what_the_table_says() -> None:
    before, mark, after = PAGE.read_text().partition(MARK)
    assert before
    assert mark
    assert after.strip() == generated().strip()


def test_every_state_is_reached_and_told_of_in_the_prose() -> None:
    prose = PAGE.read_text().partition(MARK)[0]
    assert set(LIFE.values()) == set(DeliveryState)
    assert [state for state in DeliveryState if f"`{state}`" not in prose] == []


if __name__ == "__main__":
    text = PAGE.read_text().partition(MARK)[0]
    PAGE.write_text(f"{text}{MARK}\n\n{generated()}")
