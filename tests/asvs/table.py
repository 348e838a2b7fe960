"""The requirements of OWASP ASVS 5.0.0 at levels 1 and 2, and docs/asvs.md that is made of them.

requirements.csv says for each, in our own words, how it is answered: `met` by tests
(`folder/test_file.py::test_name`) and by headings of docs (`docs/page.md#heading`),
`not applicable` or `not met` with the reason. `python -m tests.asvs.table` writes the page anew.
"""

import ast
import csv
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "asvs.md"
HERE = Path(__file__).parent
ANSWERS = ("met", "not met", "not applicable")
_NOT_OF_A_HEADING = re.compile(r"[^\w\- ]")


@dataclass(frozen=True)
class Requirement:
    """One requirement: its number, level, our words for it, and how it is answered."""

    id: str
    level: str
    words: str
    answer: str
    proof: str

    @property
    def tests(self) -> list[str]:
        """Return the tests that hold the site to it."""
        return [one for one in self._proofs if "::" in one]

    @property
    def docs(self) -> list[str]:
        """Return the headings of the docs that it rests on."""
        return [one for one in self._proofs if "::" not in one]

    @property
    def _proofs(self) -> list[str]:
        return self.proof.split() if self.answer == "met" else []


def requirements() -> list[Requirement]:
    """Return all of them, in their order."""
    with (HERE / "requirements.csv").open(encoding="utf-8", newline="") as lines:
        return [Requirement(**row) for row in csv.DictReader(lines)]


def sections() -> dict[str, str]:
    """Return the names of chapters and sections by their numbers."""
    with (HERE / "sections.csv").open(encoding="utf-8", newline="") as lines:
        return {row["id"]: row["name"] for row in csv.DictReader(lines)}


def unproven(listed: list[Requirement]) -> list[str]:
    """Return what is wrong: no answer, no reason, a test or a heading that is not there."""
    wrong = []
    for one in listed:
        if one.answer not in ANSWERS or not one.proof.strip():
            wrong.append(f"{one.id}: neither a proof nor a reason")
        elif one.answer == "met" and not one.tests + one.docs:
            wrong.append(f"{one.id}: no test and no heading")
        wrong += [f"{one.id}: no such test: {test}" for test in one.tests if not is_test(test)]
        wrong += [f"{one.id}: no such heading: {line}" for line in one.docs if not is_heading(line)]
    return wrong


def is_test(test: str) -> bool:
    """Say whether a test of that name stands in that file and is not skipped."""
    path, _, name = test.partition("::")
    return name.startswith("test_") and name in _tests_of(ROOT / "tests" / path)


@cache
def _tests_of(path: Path) -> frozenset[str]:
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and not any("skip" in ast.unparse(mark) for mark in node.decorator_list)
    )


def is_heading(line: str) -> bool:
    """Say whether a page has that heading, by the anchor that its readers' web site makes of it."""
    path, _, anchor = line.partition("#")
    return anchor in _anchors_of(ROOT / path)


@cache
def _anchors_of(path: Path) -> frozenset[str]:
    if not path.is_file():
        return frozenset()
    lines = path.read_text(encoding="utf-8").splitlines()
    headings = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
    return frozenset(
        _NOT_OF_A_HEADING.sub("", heading.lower()).replace(" ", "-") for heading in headings
    )


def page(listed: list[Requirement]) -> str:
    """Return the page as it should stand in docs/."""
    names = sections()
    lines = _head(listed)
    section = ""
    for one in listed:
        chapter, number, _ = one.id.split(".")
        if f"{chapter}.{number}" != section:
            if not section.startswith(f"{chapter}."):
                lines += ["", f"## V{chapter} {names[chapter]}"]
            section = f"{chapter}.{number}"
            lines += ["", f"### V{section} {names[section]}", ""]
            lines += ["| requirement | level | asks for | answer |", "| --- | --- | --- | --- |"]
        lines.append(f"| v5.0.0-{one.id} | {one.level} | {one.words} | {_answer(one)} |")
    return "\n".join(lines) + "\n"


def _head(listed: list[Requirement]) -> list[str]:
    count = {
        (level, answer): sum(one.level == level and one.answer == answer for one in listed)
        for level in ("1", "2")
        for answer in ANSWERS
    }
    lines = [
        "# OWASP ASVS 5.0.0, levels 1 and 2",
        "",
        "Each requirement with the tests or the lines of the docs that answer it. Made from",
        "`tests/asvs/requirements.csv` by `python -m tests.asvs.table`; a test fails where one has",
        "neither, where a named test or heading is not there, and while this page is out of date.",
        "Tests stand in `tests/`. A heading means: the operator or the team keeps a rule that is",
        "written there, which no test of this repository can prove.",
        "",
        "Numbers, levels and section names are those of the OWASP Application Security",
        "Verification Standard 5.0.0 (<https://github.com/OWASP/ASVS>, © The OWASP Foundation,",
        "CC BY-SA 4.0).",
        "What each asks for is said in few words of our own: read the standard for the whole.",
        "This is the team's own account. Nobody else has verified it.",
        "",
        "| level | met | not met | not applicable |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {level} | " + " | ".join(str(count[level, answer]) for answer in ANSWERS) + " |"
        for level in ("1", "2")
    ]
    unmet = [one for one in listed if one.answer == "not met"]
    lines += ["", "Not met:", ""] if unmet else []
    return lines + [f"- **v5.0.0-{one.id}**, {one.words}. {one.proof}" for one in unmet]


def _answer(one: Requirement) -> str:
    if one.answer != "met":
        return f"**{one.answer}**: {one.proof}" if one.answer == "not met" else f"– {one.proof}"
    shown = [f"`{test.replace('::', '` `')}`" for test in one.tests]
    shown += [f"[{line.removeprefix('docs/')}]({_link(line)})" for line in one.docs]
    return "<br>".join(shown)


def _link(line: str) -> str:
    return line.removeprefix("docs/") if line.startswith("docs/") else f"../{line}"


if __name__ == "__main__":
    PAGE.write_text(page(requirements()), encoding="utf-8")
