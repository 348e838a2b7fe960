"""What counts as a sign of spam, how much each weighs, and what no person is held for."""

import itertools
from datetime import date
from typing import Any

import pytest

from clinicdir.appointments.intake import read_intake
from clinicdir.appointments.submission import Context, Submission, check_submission
from clinicdir.appointments.suspicion import (
    QUARANTINE_AT,
    Signs,
    Suspicion,
    count_links,
    points_of,
    same_bare_request,
    same_request,
    same_text,
    suspicions_of,
)
from clinicdir.resources import resource_dir
from tests.make import make_answers

INTAKE = read_intake(resource_dir("seeds"), resource_dir("seeds"))
SEEN: dict[Suspicion, dict[str, Any]] = {
    Suspicion.HONEYPOT: {"honeypot": True},
    Suspicion.TOO_FAST: {"seconds": 1.999},
    Suspicion.UNSIGNED: {"unsigned": True},
    Suspicion.LINKS: {"links": 1},
    Suspicion.REPEATED_TEXT: {"same_requests": 4},
    Suspicion.BUSY_ADDRESS: {"from_address": 21},
    Suspicion.BUSY_PHONE: {"from_phone": 4},
}


def make(**changes: Any) -> Submission:  # noqa: ANN401
    return check_submission(make_answers(**changes), Context(date(2026, 11, 24), INTAKE))


@pytest.mark.parametrize(
    ("signs", "points"),
    [
        ({}, {}),
        ({"honeypot": True}, {"honeypot": 6}),
        ({"seconds": 0.0}, {"too_fast": 4}),
        ({"seconds": -5.0}, {"too_fast": 4}),
        ({"seconds": 1.999}, {"too_fast": 4}),
        ({"seconds": 2.0}, {}),
        ({"seconds": 90_000.0}, {}),
        ({"unsigned": True}, {"unsigned": 4}),
        ({"links": 1}, {"links": 3}),
        ({"links": 2}, {"links": 10}),
        ({"links": 40}, {"links": 10}),
        ({"same_requests": 3}, {}),
        ({"same_requests": 4}, {"repeated_text": 10}),
        ({"same_bare_requests": 10}, {}),
        ({"same_bare_requests": 11}, {"repeated_text": 10}),
        ({"same_texts": 20}, {}),
        ({"same_texts": 21}, {"repeated_text": 10}),
        ({"from_address": 20}, {}),
        ({"from_address": 21}, {"busy_address": 1}),
        ({"from_address": 1_000}, {"busy_address": 1}),
        ({"from_phone": 3}, {}),
        ({"from_phone": 4}, {"busy_phone": 1}),
    ],
)
def test_each_sign_has_its_points(signs: dict[str, Any], points: dict[str, int]) -> None:
    assert points_of(Signs(**signs)) == points


def held() -> set[frozenset[str]]:
    """Return the smallest sets of signs that hold a request."""
    names = [sign for sign in Suspicion if sign is not Suspicion.UNSIGNED]
    found: set[frozenset[str]] = set()
    for count in range(1, len(names) + 1):
        for some in itertools.combinations(names, count):
            signs = Signs(**{name: value for sign in some for name, value in SEEN[sign].items()})
            if suspicions_of(signs) and not any(known < set(some) for known in found):
                found.add(frozenset(some))
    return found


def test_what_holds_a_request_and_what_alone_does_not() -> None:
    assert {tuple(sorted(signs)) for signs in held()} == {
        ("repeated_text",),
        ("honeypot", "too_fast"),
        ("busy_address", "honeypot", "links"),
        ("busy_phone", "honeypot", "links"),
    }
    for seen in (SEEN[Suspicion.HONEYPOT], SEEN[Suspicion.TOO_FAST], SEEN[Suspicion.UNSIGNED]):
        busy: dict[str, Any] = {"from_address": 10_000, "from_phone": 10_000}
        assert suspicions_of(Signs(**seen, **busy)) == []
    assert suspicions_of(Signs(seconds=0.1, links=1, from_address=99, from_phone=99)) == []
    assert suspicions_of(Signs(links=2)) == ["links"]


def test_stamp_that_is_left_out_weighs_what_a_young_one_does() -> None:
    assert suspicions_of(Signs(honeypot=True, unsigned=True)) == ["honeypot", "unsigned"]
    assert points_of(Signs(unsigned=True))[Suspicion.UNSIGNED] == 4
    assert QUARANTINE_AT == 10


def test_codes_are_those_of_all_signs_in_the_order_of_the_table() -> None:
    everything = {name: value for seen in SEEN.values() for name, value in seen.items()}
    assert suspicions_of(Signs(**everything)) == [sign.value for sign in Suspicion]


@pytest.mark.parametrize(
    ("signs", "are_held"),
    [
        ({"same_requests": 10, "same_bare_requests": 10, "same_texts": 20}, False),
        ({"same_requests": 11}, True),
        ({"same_bare_requests": 11}, True),
        ({"same_texts": 21}, True),
    ],
)
def test_first_copies_are_held_only_where_no_person_sends_so_many(
    signs: dict[str, Any], are_held: bool
) -> None:
    assert Signs(**signs).copies_are_held is are_held


# Links


@pytest.mark.parametrize(
    ("text", "links"),
    [
        (None, 0),
        ("My knee hurts on the stairs.", 0),
        ("my knee.it hurts a lot.so i rest.can i come", 0),
        ("See Dr.Smith at St.Mary, 8 a.m./9 p.m., walking.up/down is bad, and/or 1.5/10", 0),
        ("mail kim@example.com or kim.lee@mail.example.com, also kim.info@example.com", 0),
        ("see www.mydoctor.example", 1),
        ("see WWW.MYDOCTOR.EXAMPLE/page?id=1.", 1),
        ("https://mydoctor.example/plans/knee.html", 1),
        ("my plan: https://www.google.com/url?q=https://mydoctor.example/plan", 1),
        ("mydoctor.example", 1),
        ("buy.cheap.com and more.info", 2),
        ("bit.ly/abc t.me/xyz", 2),
        ("http://a.example,http://b.example", 2),
        ("[url=http://a.example]http://a.example[/url]", 2),
        ('<a href="http://a.example">a</a> <a href="http://b.example">b</a>', 2),
        ("ｗｗｗ．ａ．example ht\u00adtp://b.example", 2),
        ("hxxp://a.example ftp://b.example", 2),
        ("www. is how it begins", 0),
        ("a" * 500, 0),
        (".".join("a" * 250), 0),
    ],
)
def test_links_are_counted_and_sentences_are_not(text: str | None, links: int) -> None:
    assert count_links(make(note=text)) == links


def test_links_are_counted_in_every_free_text() -> None:
    assert count_links(
        make(
            goal="other",
            goal_text="www.a.example",
            tried="www.b.example",
            note="www.c.example",
            access_needs="www.d.example",
            for_whom="someone_else",
            asker_name="Kim Example",
            relation="www.e.example",
        )
    ) == 5  # fmt: skip


# The same again


def test_same_request_has_the_same_person_and_letters() -> None:
    first = same_request(make(note="Special OFFER no. 12, call now!"))
    assert first == same_request(make(note="special offer no 977 -- call\nnow"))
    assert first == same_request(
        make(tried="Special offer", note="no. call now", phone="2065550199")
    )
    assert first != same_request(make(note="Special offer, call later"))
    assert first != same_request(make(note="Special OFFER no. 12, call now!", patient_name="Kim"))
    assert same_request(make()) is same_request(make(note="12 34")) is None


def test_people_with_a_number_in_their_name_are_different_people() -> None:
    names = {same_request(make(note="Hurts", patient_name=f"Robin {n}")) for n in range(3)}
    assert len(names) == 3


def test_bare_request_is_the_same_with_the_same_person_and_contact() -> None:
    first = same_bare_request(make())
    assert first == same_bare_request(make(phone="(206) 555-0123", location="bellevue"))
    assert first != same_bare_request(make(phone="206 555 0124"))
    assert first != same_bare_request(make(patient_name="Kim"))
    assert same_bare_request(make(note="Hurts")) is None


def test_text_is_told_again_by_its_letters_and_only_where_it_is_long() -> None:
    text = "We make web sites for clinics like yours, cheap and fast"
    assert same_text(make(note=text)) == "wemakewebsitesforclinicslikeyourscheapandfast"
    assert same_text(make(note=text, patient_name="Kim")) == same_text(make(note=text.upper()))
    assert same_text(make(note="a" * 39)) is None
    assert same_text(make(note="a" * 40)) == "a" * 40
    assert same_text(make(note="1" * 80)) is None
