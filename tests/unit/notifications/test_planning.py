"""What a manager may type about notices, field by field, without a page around it."""

from typing import Any

import pytest

from clinicdir.errors import Invalid
from clinicdir.notifications.planning import check_plan
from clinicdir.notifications.plans import Plan, Quiet, Step
from clinicdir.notifications.rules import Channel

TYPED = {
    "email_use": "first",
    "email_to": "",
    "fax_use": "off",
    "fax_to": "",
    "webhook_use": "off",
    "webhook_to": "",
    "new_secret": "",
    "after_min": "15",
    "quiet_from": "",
    "quiet_until": "",
    "digest_to": "",
}
HOOK = "https://hooks.example/renton"
BEFORE = Plan((Step(Channel.WEBHOOK, to=HOOK, secret="whsec_old"),), version=4)


def checked(before: Plan = Plan(), *, allow_private: bool = False, **typed: Any) -> Plan:  # noqa: ANN401, B008
    return check_plan(TYPED | typed, before, allow_private=allow_private)


def refused(**typed: Any) -> list[tuple[str, str]]:  # noqa: ANN401
    with pytest.raises(Invalid) as refusal:
        checked(**typed)
    return [(error.field, error.code) for error in refusal.value.errors]


def test_mail_alone_needs_nothing_typed_and_keeps_the_version() -> None:
    assert checked(BEFORE) == Plan((Step(Channel.EMAIL),), version=4)


def test_each_field_is_read() -> None:
    plan = checked(
        email_to=" Desk@Renton.example ",
        fax_use="email",
        fax_to=" (206) 555-0188 ",
        webhook_use="fax",
        webhook_to=f" {HOOK} ",
        after_min=" 240 ",
        quiet_from=" 19:00 ",
        quiet_until="7:05",
        digest_to=" boss@renton.example ",
    )
    secret = plan.steps[2].secret
    assert secret.startswith("whsec_")
    assert plan == Plan(
        (
            Step(Channel.EMAIL, None, "Desk@renton.example"),
            Step(Channel.FAX, Channel.EMAIL, "+12065550188"),
            Step(Channel.WEBHOOK, Channel.FAX, HOOK, secret),
        ),
        after_min=240,
        quiet=Quiet(19 * 60, 7 * 60 + 5),
        digest_to="boss@renton.example",
    )


def test_secret_stays_until_a_new_one_is_asked_for() -> None:
    hook: dict[str, Any] = {"webhook_use": "first", "webhook_to": HOOK}
    assert checked(BEFORE, **hook).steps[1].secret == "whsec_old"
    assert checked(BEFORE, **hook, new_secret="on").steps[1].secret != "whsec_old"


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ({"email_use": "email"}, [("email_use", "missing")]),  # it cannot stand in for itself
        ({"email_use": ""}, [("email_use", "missing")]),
        ({"email_use": "off"}, [("email_use", "none_first")]),
        ({"email_use": "fax"}, [("email_use", "none_first")]),
        (
            {"email_use": "fax", "fax_use": "email", "webhook_use": "first", "webhook_to": HOOK},
            [("email_use", "no_first"), ("fax_use", "no_first")],
        ),
        ({"fax_use": "webhook"}, [("fax_use", "no_first")]),  # which is off
        ({"email_to": "desk"}, [("email_to", "not_an_address")]),
        ({"fax_use": "first", "fax_to": "555"}, [("fax_to", "not_a_number")]),
        ({"fax_use": "first", "fax_to": "2" * 50}, [("fax_to", "not_a_number")]),
        ({"webhook_use": "first"}, [("webhook_to", "not_a_target")]),
        (
            {"webhook_use": "first", "webhook_to": "http://10.0.0.1:8080/"},
            [("webhook_to", "not_a_target")],
        ),
        ({"digest_to": "boss@"}, [("digest_to", "not_an_address")]),
        *(
            ({"after_min": typed}, [("after_min", "out_of_range")])
            for typed in ("", "0", "241", "-5", "1.5", "٣", "1000", "ten")
        ),
        *(
            ({"quiet_from": typed, "quiet_until": "07:00"}, [("quiet_from", "not_a_time")])
            for typed in ("", "24:00", "19:60", "1900", "19:", ":30", "007:00", "٣:00", "7:000")
        ),
        ({"quiet_from": "19:00"}, [("quiet_until", "not_a_time")]),
        ({"quiet_from": "x", "quiet_until": "y"}, [
            ("quiet_from", "not_a_time"), ("quiet_until", "not_a_time")]),
        ({"quiet_from": "7:00", "quiet_until": "07:00"}, [("quiet_until", "same")]),
        ({"email_to": "desk", "after_min": "0"}, [
            ("email_to", "not_an_address"), ("after_min", "out_of_range")]),
    ],
)  # fmt: skip
def test_each_fault_is_named_at_its_field(
    typed: dict[str, Any], errors: list[tuple[str, str]]
) -> None:
    assert refused(**typed) == errors


@pytest.mark.parametrize(
    ("typed", "quiet"),
    [
        (("00:00", "23:59"), Quiet(0, 23 * 60 + 59)),
        (("23:00", "0:59"), Quiet(23 * 60, 59)),
    ],
)
def test_quiet_runs_over_the_whole_day(typed: tuple[str, str], quiet: Quiet) -> None:
    assert checked(quiet_from=typed[0], quiet_until=typed[1]).quiet == quiet


@pytest.mark.parametrize("minutes", [1, 9, 10, 99, 100, 240])
def test_minutes_run_from_one_to_240(minutes: int) -> None:
    assert checked(after_min=str(minutes)).after_min == minutes


def test_channels_in_a_row_may_each_stand_in_for_the_one_before() -> None:
    plan = checked(email_use="fax", fax_use="webhook", webhook_use="first", webhook_to=HOOK)
    assert [(step.channel, step.follows) for step in plan.steps] == [
        (Channel.EMAIL, Channel.FAX),
        (Channel.FAX, Channel.WEBHOOK),
        (Channel.WEBHOOK, None),
    ]


def test_private_receiver_is_for_who_allows_it() -> None:
    typed: dict[str, Any] = {"webhook_use": "first", "webhook_to": "http://10.0.0.1:8080/"}
    assert checked(allow_private=True, **typed).steps[1].to == "http://10.0.0.1:8080/"


def test_address_of_a_trial_domain_is_taken() -> None:
    assert checked(email_to="desk@renton.test").steps[0].to == "desk@renton.test"
