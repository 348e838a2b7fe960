"""The rules of a request against anything that JSON can hold."""

import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinicdir.appointments.answers import has_unshowable, parse_phone, showable
from clinicdir.appointments.intake import read_intake
from clinicdir.appointments.rules import REFERENCE_ALPHABET, new_reference, parse_reference
from clinicdir.appointments.submission import (
    FIELDS,
    NAME_LENGTH,
    NOTE_LENGTH,
    SHORT_TEXT,
    Context,
    Submission,
    check_submission,
    find_errors,
)
from clinicdir.errors import Invalid
from clinicdir.resources import resource_dir
from tests.make import TODAY, make_answers

CONTEXT = Context(today=TODAY, intake=read_intake(resource_dir("seeds"), resource_dir("seeds")))
BIRTH_DATES = Context(today=TODAY, intake=CONTEXT.intake, ask_birth_date=True)
LONGEST = {
    "goal_text": SHORT_TEXT,
    "tried": SHORT_TEXT,
    "access_needs": SHORT_TEXT,
    "note": NOTE_LENGTH,
    "patient_name": NAME_LENGTH,
    "asker_name": NAME_LENGTH,
    "relation": NAME_LENGTH,
}
# Text as JSON has it: any code point, lone surrogates too.
TEXTS = st.text(st.characters(codec=None), max_size=300) | st.sampled_from(
    ["renton", "run", "other", "me", "phone", "email", "2027-05", "monday", "any", "yes", "en"]
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


def check_laws(taken: Submission) -> None:
    """Fail unless every text is trimmed, showable and short enough, and a way back is there."""
    for name, most in LONGEST.items():
        text = getattr(taken, name)
        if text is not None:
            assert 0 < len(text) <= most
            assert text == text.strip()
            assert not has_unshowable(text)
    assert taken.phone_e164 or taken.email
    assert taken.phone_e164 is None or taken.phone_e164.isascii()
    assert (taken.phone is None) == (taken.phone_e164 is None)
    assert 1 <= len(taken.location) <= 3
    assert len(taken.windows) <= 3


def judge(answers: dict[str, Any], context: Context) -> None:
    """Check answers by both doors; nothing but Invalid may come out, and both must agree."""
    errors = find_errors(answers, context)
    if not errors:
        check_laws(check_submission(answers, context))
        return
    with pytest.raises(Invalid) as refusal:
        check_submission(answers, context)
    assert list(refusal.value.errors) == errors
    fields = [error.field for error in errors]
    assert len(fields) == len(set(fields))
    assert all(error.message % error.values for error in errors)


@given(st.dictionaries(st.sampled_from(FIELDS) | TEXTS, JSON_VALUES, max_size=12))
@settings(deadline=None, max_examples=300)
def test_any_json_is_taken_or_refused_and_never_breaks_the_rules(answers: dict[str, Any]) -> None:
    judge(answers, CONTEXT)


@given(st.sampled_from(FIELDS), JSON_VALUES)
@settings(deadline=None, max_examples=400)
def test_one_strange_answer_among_good_ones_is_judged_alone(name: str, value: object) -> None:
    answers = make_answers() | {name: value}
    judge(answers, BIRTH_DATES)
    refused = {error.field for error in find_errors(answers, BIRTH_DATES)}
    related = {
        "goal": {"goal_text"},
        "for_whom": {"asker_name", "relation"},
        "phone": {"contact_by"},
        "email": {"contact_by"},
    }
    assert refused <= {name} | related.get(name, set())


@given(st.sampled_from(sorted(LONGEST)), st.text(max_size=600))
@settings(deadline=None, max_examples=200)
def test_taken_text_is_taken_again_unchanged(name: str, text: str) -> None:
    answers = make_answers(for_whom="someone_else", asker_name="Kim", relation="Aunt")
    if find_errors(answers | {name: text}, CONTEXT):
        return
    once = check_submission(answers | {name: text}, CONTEXT)
    clean = getattr(once, name)
    if clean is not None:
        assert check_submission(answers | {name: clean}, CONTEXT) == once


@given(st.text(st.characters(codec=None), max_size=60))
@settings(deadline=None, max_examples=300)
def test_phone_is_none_or_can_be_dialled(typed: str) -> None:
    e164 = parse_phone(typed)
    if e164 is not None:
        number, _, extension = e164.partition(";ext=")
        assert set(number[1:]) <= set(string.digits)
        assert set(extension) <= set(string.digits)
        assert (number[0], 6 <= len(number) <= 16) == ("+", True)
        assert parse_phone(e164) == e164


@given(st.text(st.characters(codec=None), max_size=200))
def test_showable_text_is_legal_html_and_keeps_its_length(text: str) -> None:
    shown = showable(text)
    assert len(shown) == len(text)
    assert showable(shown) == shown
    shown.encode()


@given(st.builds(new_reference), st.integers(0, 6), st.sampled_from(REFERENCE_ALPHABET))
def test_any_single_wrong_symbol_of_a_reference_is_caught(
    reference: str, place: int, symbol: str
) -> None:
    wrong = reference[:place] + symbol + reference[place + 1 :]
    assert parse_reference(wrong) == (reference if wrong == reference else None)


@given(st.builds(new_reference), st.integers(0, 5))
def test_any_two_neighbours_of_a_reference_that_change_places_are_caught(
    reference: str, place: int
) -> None:
    first, second = reference[place], reference[place + 1]
    swapped = reference[:place] + second + first + reference[place + 2 :]
    assert parse_reference(swapped) == (reference if swapped == reference else None)
