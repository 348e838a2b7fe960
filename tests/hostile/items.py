"""The list of hostile inputs, and the page docs/hostile-inputs.md that is made from the tests.

A test says which item it tries: by a mark, `@item(21)`, or case by case, by an id of its
parameters that begins with "item-21". `python -m tests.hostile.items` writes the page anew.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "hostile-inputs.md"
_ID = re.compile(r"item-(\d\d)\b")

# number: (what comes in, the right answer)
ITEMS: dict[int, tuple[str, str]] = {
    1: ("A control character in a text, `a\\0b`", "422, the rest of the text kept"),
    2: ("Line breaks in a name or an address, `a\\r\\nBcc: x@x.example`", "422, no new header"),
    3: ("Bytes that are no UTF-8; lone surrogates", "400 (bytes) or 422 (JSON)"),
    4: ("Texts of which nothing is seen: U+200B, NBSP, fillers", "422, as if left empty"),
    5: ("Overrides of writing direction, U+202E", "422; texts of people stand isolated"),
    6: ("`e` with 90 × U+0301", "taken, shown as typed, clipped to its line"),
    7: ("Texts at their limit and one over it, in code points after NFC", "taken; 422"),
    8: ("Phones in other digits, with extension, too short, too long", "E.164, or 422"),
    9: ("Formulas, `=HYPERLINK(…)`, `+1`, `@SUM`, `＝1`", "stored and shown as typed"),
    10: ("Template and format marks, `{{7*7}}`, `${7*7}`, `%s%n`", "shown as typed"),
    11: ("HTML and script in texts and in e-mail addresses", "shown as typed; 422 as an address"),
    12: ("E-mail addresses: `a@b`, quoted, 255 characters, IDN, two lines", "normal form, or 422"),
    13: ("Days and hours that are none, far, past, or skipped by the clock", "422, kept as typed"),
    14: (
        "Slugs: paths, other case, look-alikes, 10 kB, twice in one body",
        "404, or 422; one wins",
    ),
    15: ("Too much: 64,001 bytes, 1,001 parts, 10,000 cookies, 64 kB of header", "413 or 431"),
    16: ("JSON sent to a form; a form sent as text/plain; utf-7", "400, or 415 of the API"),
    17: ("Two lengths, folded header, HTTP/9.9, absolute address, `/%00`", "400, or 404"),
    18: ("TRACE, FOO, PUT; X-HTTP-Method-Override; HEAD on a POST", "405, nothing done"),
    19: ("A foreign Host, two of them, port 99999", "400"),
    20: ("A new X-Forwarded-For each time; forged -Host, -Proto, -Prefix", "not believed"),
    21: ("`next=` to elsewhere", "own paths only"),
    22: ("Numbers that are none: 0, -1, 2^63, `1e3`, `１`", "404, or the list's start"),
    23: (
        "`page=-1`, `sort=__class__`, long lines against slow patterns",
        "≤ 100 ms, as if not said",
    ),
    24: ("Latitudes `nan`, `inf`, `1e400`, `91`; `-0`", "422, or a place; never Infinity"),
    25: (
        "Addresses of 10 kB, emoji, SQL; a geocoder that lies, hangs, redirects",
        "422, or unknown",
    ),
    26: ("Every page × every role × own, foreign and missing requests", "404 alike, or let in"),
    27: ("A cookie replayed after what ended its sign-in", "the sign-in page"),
    28: ("A cookie forged with a guessed key, unsigned, of an older key", "opens nothing"),
    29: ("A session fixed before the sign-in", "a new one after it"),
    30: ("A form token of another session, none, of a form open for nine hours", "400, text kept"),
    31: ("A second factor used twice; remember-me cookie; token in the URL", "opens nothing"),
    32: ("One-time links used twice, replaced, late, asked through a foreign Host", "404, or 400"),
    33: ("Another's link or reference; guesses; one symbol changed; lower case", "404, same bytes"),
    34: ("A role or a clinic in the form", "422 of the API; else not read"),
    35: ("Staff disabled while a page is open", "out at the next click, nothing done"),
    36: (
        "A filled honeypot, a form sent in 0.3 s, one text to six clinics; 1,000 posts in a minute",
        "set aside for staff; 429 over the quota; none fails",
    ),
    37: ("200 connections that send a byte in five seconds", "others are served in < 1 s"),
    39: ("SIGKILL at any moment, with clients that try again", "nothing lost, nothing twice"),
    40: ("A power cut between any two operations", "nothing acknowledged is lost"),
    41: ("An error of the disk at the n-th call, for every n", "acknowledged is stored"),
    42: ("A disk that fills up under load and is freed again", "503 with the phone; it heals"),
    43: ("A lock held by another process for 10 s", "the directory goes on; 503 with the phone"),
    44: ("A database that is read-only, gone, cut, or of another release", "said in plain words"),
    45: (
        "PostgreSQL restarted, stopped for 30 s, without a connection left",
        "the directory goes on; 503 with the phone; nothing lost",
    ),
    46: ("A mail server that is down, hangs, cuts off, refuses, dies before 250", "none lost"),
    47: (
        "A webhook that answers 500 for eight hours; a fax gateway that does; 10,000 waiting mails",
        "tried again, each once",
    ),
    48: (
        "A worker that dies between sending and noting; two workers, one message",
        "once, or twice",
    ),
    49: (
        "A clock put back an hour; both changes to and from summer time; a leap day",
        "nothing waits longer; one instant each",
    ),
    50: ("SIGTERM in the middle of a request", "answered, then the end"),
    51: ("Two claims, an edit against an end, a merge twice, all at once", "one wins, 409 tells"),
    52: (
        "A backup beside writes; a restore that is cut, swapped, too new, of other keys",
        "refused",
    ),
    53: ("A migration killed at any statement, with a million rows, under traffic", "ends well"),
    54: (
        "Seeds with a byte order mark, another line end, holes, doubles",
        "read, or refused whole",
    ),
    55: ("Settings that contradict each other or would open production", "no start, and why"),
}
# Tests that stand beside what they belong to, in other folders.
ELSEWHERE: dict[int, tuple[str, ...]] = {
    9: ("tests/integration/test_export.py::test_no_cell_is_a_formula",),
    11: (
        "tests/browser/test_payloads.py::test_every_text_is_shown_as_typed_and_nothing_comes_of_it",
    ),
    13: (
        "tests/integration/test_moves.py::test_booking_at_no_possible_time_is_refused_with_what_was_typed",
        "tests/integration/test_moves.py::test_booking_around_a_change_of_clocks_means_one_instant",
    ),
    16: ("tests/integration/test_requests_api.py::test_body_of_another_kind_is_refused",),
    18: ("tests/integration/test_requests_api.py::test_other_method_is_told_the_right_one",),
    20: (
        "tests/integration/test_limits.py::test_new_address_each_time_gives_no_more_tries",
        "tests/integration/test_serving.py::test_forwarded_address_counts_only_from_a_trusted_proxy",
    ),
    21: (
        "tests/integration/test_login.py::test_hostile_next_leads_to_the_plain_sign_in_page",
        "tests/integration/test_login.py::test_hostile_next_moves_nobody_who_is_signed_in_already",
    ),
    24: ("tests/integration/test_directory_api.py::test_position_off_the_map_is_refused",),
    25: (
        "tests/integration/test_online_geocoder.py::test_service_that_fails_leaves_the_offline_answer_and_is_counted",
        "tests/integration/test_finder_pages.py::test_hostile_line_gets_a_page_and_is_logged_nowhere",
    ),
    26: (
        "tests/integration/test_access_matrix.py::test_pages_behind_the_sign_in_let_in_whom_the_rights_name",
        "tests/integration/test_access_matrix.py::test_whoever_may_not_act_changes_nothing",
        "tests/integration/test_access_matrix.py::test_foreign_request_is_never_changed_nor_noted_as_seen",
        "tests/integration/test_access_matrix.py::test_foreign_request_looks_like_an_unknown_path",
    ),
    27: (
        "tests/integration/test_login.py::test_sign_out_ends_the_session_on_the_server",
        "tests/integration/test_account.py::test_new_password_counts_and_ends_the_other_sign_ins",
        "tests/integration/test_team.py::test_what_is_done_to_a_person_ends_the_sign_ins_at_once",
        "tests/integration/test_access_matrix.py::test_change_of_location_counts_at_the_next_click",
    ),
    28: (
        "tests/integration/test_login.py::test_cookie_forged_with_a_guessed_key_opens_nothing",
        "tests/integration/test_login.py::test_cookie_without_the_session_row_opens_nothing",
        "tests/integration/test_login.py::test_new_secret_key_ends_cookies_unless_the_old_one_still_counts",
    ),
    29: ("tests/integration/test_login.py::test_session_set_before_the_sign_in_is_not_taken_over",),
    30: (
        "tests/integration/test_lock.py::test_form_that_meets_the_lock_keeps_all_and_is_sent_after_the_password",
        "tests/integration/test_request_door.py::test_token_of_another_visitor_is_no_token",
    ),
    31: (
        "tests/integration/test_login.py::test_no_remember_cookie_is_ever_set",
        "tests/integration/test_login.py::test_auth_token_and_basic_auth_open_nothing",
        "tests/integration/test_login.py::test_other_doors_of_the_library_are_not_there",
        "tests/integration/test_second_factor.py::test_tries_are_limited_and_shared_by_all_sign_ins",
        "tests/integration/test_second_factor.py::test_password_alone_opens_nothing_once_it_is_on",
    ),
    32: (
        "tests/integration/test_login.py::test_invitation_ends_when_its_person_is_disabled",
        "tests/integration/test_login.py::test_invitation_works_once",
        "tests/integration/test_login.py::test_newer_invitation_ends_the_older_one",
        "tests/integration/test_login.py::test_invitation_lives_seven_days_to_the_second",
    ),
    33: ("tests/integration/test_access_matrix.py::test_odd_references_are_missing",),
    34: (
        "tests/integration/test_access_matrix.py::test_role_in_the_form_gives_no_rights",
        "tests/integration/test_team.py::test_manager_makes_nobody_an_admin_and_keeps_the_form",
        "tests/integration/test_team.py::test_foreign_clinic_in_the_form_is_not_found",
    ),
    35: ("tests/integration/test_login.py::test_disabled_person_is_out_at_the_next_click",),
    36: (
        "tests/integration/test_quiet_defence.py::test_form_is_judged_by_its_signs",
        "tests/integration/test_bots.py::test_no_bot_stands_among_the_people_and_no_person_is_missed",
    ),
    51: (
        "tests/integration/test_two_claims.py::test_of_four_claims_on_each_request_one_wins",
        "tests/integration/test_merge.py::test_two_joined_crosswise_at_once_end_as_one",
        "tests/integration/test_concurrency.py::test_withdrawal_against_booking_ends_withdrawn_or_is_told",
        "tests/integration/test_concurrency.py::test_change_against_claim_is_never_refused_to_the_patient",
    ),
    39: (
        "tests/soak/test_killed.py::test_killed_site_loses_and_doubles_nothing",
        "tests/soak/test_killed.py::test_killed_postgresql_loses_and_doubles_nothing",
        "tests/integration/test_serving.py::test_request_survives_a_kill_and_the_next_start_stores_more",
    ),
    40: (
        "tests/soak/test_power_cuts.py::test_power_cut_loses_nothing_acknowledged_and_the_check_would_see_it",
        "tests/soak/test_power_cuts.py::test_twenty_thousand_power_cuts_lose_nothing",
    ),
    41: (
        "tests/soak/test_io_errors.py::test_failing_disk_is_said_and_never_hidden",
        "tests/soak/test_io_errors.py::test_every_call_fails_once",
    ),
    42: (
        "tests/integration/test_full_disk.py::test_full_disk_stores_nothing_loses_nothing_and_heals",
        "tests/integration/test_full_disk.py::test_password_is_not_tried_where_tries_cannot_be_counted",
        "tests/integration/test_full_disk.py::test_full_disk_leaves_messages_waiting_and_no_backup_behind",
        "tests/integration/test_outbox_faults.py::test_full_disk_sends_nothing_twice_and_goes_on_when_there_is_room",
        "tests/soak/test_disk_and_locks.py::test_disk_filled_five_times_loses_nothing_and_the_directory_goes_on",
    ),
    43: (
        "tests/integration/test_database_away.py::test_directory_goes_on_from_memory_under_a_lock",
        "tests/integration/test_database_away.py::test_lock_keeps_one_waiting_and_turns_the_others_away",
        "tests/integration/test_database_away.py::test_readyz_answers_soon_under_a_lock",
        "tests/soak/test_disk_and_locks.py::test_lock_held_five_times_loses_nothing_and_the_directory_goes_on",
    ),
    44: (
        "tests/integration/test_health.py::test_database_that_takes_no_writes_is_named",
        "tests/integration/test_health.py::test_database_that_is_away_is_named",
        "tests/integration/test_health.py::test_database_without_tables_is_named",
        "tests/migrations/test_backup_before.py::test_a_database_of_a_newer_release_is_left_alone",
    ),
    45: (
        "tests/integration/test_database_away.py::test_stopped_server_is_noticed_and_its_return_too",
        "tests/integration/test_database_away.py::test_connections_that_the_server_ended_are_not_handed_out",
        "tests/integration/test_database_away.py::test_no_connection_left_is_said_and_over_when_there_is_one",
        "tests/soak/test_postgres_away.py::test_nothing_is_lost_and_the_directory_goes_on",
    ),
    46: (
        "tests/integration/test_outbox_faults.py::test_server_that_hangs_is_tried_by_one_message_and_left_alone",
        "tests/integration/test_outbox_faults.py::test_line_cut_after_the_text_sends_that_mail_again_under_its_id",
        "tests/integration/test_outbox_faults.py::test_mail_accepted_by_a_server_that_dies_then_is_not_sent_again",
        "tests/integration/test_outbox.py::test_refused_connection_lets_the_message_wait",
    ),
    47: (
        "tests/integration/test_webhook_outage.py::test_what_met_500_for_eight_hours_arrives_once_when_the_receiver_is_well",
        "tests/unit/notifications/test_fax_gateways.py::test_refusals_of_the_fax_last_and_all_others_pass",
        "tests/integration/test_outbox_faults.py::test_what_waited_for_a_day_leaves_in_minutes",
        "tests/integration/test_outbox_faults.py::test_ten_thousand_that_waited_for_a_day_leave_in_minutes",
    ),
    48: (
        "tests/integration/test_outbox_faults.py::test_worker_killed_between_sending_and_noting_doubles_one_mail_at_most",
        "tests/integration/test_outbox.py::test_two_workers_at_once_send_each_message_once",
    ),
    49: (
        "tests/integration/test_outbox_faults.py::test_clock_put_back_an_hour_delays_nothing",
        "tests/integration/test_moves.py::test_booking_around_a_change_of_clocks_means_one_instant",
        "tests/integration/test_promise.py::test_open_now_is_right_when_the_clocks_change",
        "tests/unit/locations/test_hours.py::test_open_minutes_are_counted_from_the_arrival",
        "tests/unit/locations/test_hours.py::test_the_hour_that_comes_twice_counts_twice",
    ),
    50: (
        "tests/integration/test_serving.py::test_sigterm_ends_the_process_cleanly",
        "tests/integration/test_behind_nginx.py::test_sigterm_of_the_site_cuts_nothing_that_came_through_the_proxy",
    ),
    52: (
        "tests/integration/test_backup.py::test_backup_beside_a_writing_process_holds_one_moment",
        "tests/integration/test_backup.py::test_newer_schema_is_refused",
        "tests/integration/test_backup_bad_files.py::test_file_that_was_cut_anywhere_is_refused",
        "tests/integration/test_backup_bad_files.py::test_file_with_one_bit_changed_is_refused",
        "tests/integration/test_backup_bad_files.py::test_parts_of_two_backups_do_not_make_one",
        "tests/integration/test_backup_bad_files.py::test_keys_of_another_site_open_nothing",
    ),
    53: (
        "tests/migrations/test_killed.py::test_four_kills_on_the_way_up_leave_nothing_half_done",
        "tests/soak/test_migrations_killed.py::test_a_migration_killed_at_any_statement_ends_well_when_run_again",
        "tests/soak/test_migrations_large.py::test_a_million_requests_go_through_each_migration",
        "tests/soak/test_migrations_old_code.py::test_older_code_serves_while_and_after_this_release_migrates",
    ),
    54: (
        "tests/unit/locations/test_seed_check.py::test_byte_order_mark_and_line_ends_do_not_matter",
        "tests/unit/locations/test_seed_check.py::test_missing_part_is_reported",
        "tests/unit/locations/test_seed_check.py::test_key_given_twice_is_refused",
        "tests/unit/locations/test_seed_check.py::test_wrong_value_is_refused_at_its_place",
    ),
    55: (
        "tests/unit/test_settings_together.py::test_what_does_not_go_together_is_refused",
        "tests/unit/test_settings_together.py::test_production_refuses_what_would_open_it",
        "tests/unit/test_settings.py::test_production_refuses_to_start_and_says_what_to_set",
    ),
}


def item(*numbers: int) -> pytest.MarkDecorator:
    """Mark a test as trying these items."""
    return pytest.mark.item(*numbers)


def case(number: int, what: str, *values: Any, marks: pytest.MarkDecorator | tuple[()] = ()) -> Any:  # noqa: ANN401 - pytest's ParameterSet
    """Return a case of a parametrised test whose id shows its item."""
    return pytest.param(*values, id=f"item-{number:02} {what}", marks=marks)


def cases_by_item() -> dict[int, dict[str, list[str]]]:
    """Return for each item its tests of this folder, and the cases of each."""
    found: dict[int, dict[str, list[str]]] = {number: {} for number in ITEMS}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        module = importlib.import_module(f"tests.hostile.{path.stem}")
        for name, function in vars(module).items():
            if name.startswith("test_") and function.__module__ == module.__name__:
                for number, what in _tried(function):
                    found[number].setdefault(f"{path.name}::{name}", []).extend(what)
    return found


def _tried(function: Any) -> Iterator[tuple[int, list[str]]]:  # noqa: ANN401
    for mark in getattr(function, "pytestmark", ()):
        if mark.name == "item":
            yield from ((number, []) for number in mark.args)
        elif mark.name == "parametrize":
            for value in mark.args[1]:
                shown = getattr(value, "id", None) or ""
                if match := _ID.match(shown):
                    yield int(match[1]), [shown.partition(" ")[2]]


def missing() -> list[str]:
    """Return the tests of other folders that are named here and do not exist."""
    named = [test for tests in ELSEWHERE.values() for test in tests if "::" in test]
    return [test for test in named if test.partition("::")[2] not in _functions(test)]


def _functions(test: str) -> set[str]:
    tree = ast.parse((ROOT / test.partition("::")[0]).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def page() -> str:
    """Return the page as it should stand in docs/."""
    lines = [
        "# Hostile inputs",
        "",
        "What comes in, what the right answer is, and the tests that hold us to it. Made from the",
        "tests by `python -m tests.hostile.items`; a test fails while this page is out of date.",
        "Tests are in `tests/hostile/` unless a path is shown; behind each stand its cases.",
        "Beyond this list, `test_fuzz.py` sends made-up input to every route that takes a post.",
        "Number 38, a puzzle solved once and sent twice, is missing: the site sets no puzzles.",
        "",
    ]
    for number, tests in cases_by_item().items():
        what, answer = ITEMS[number]
        lines += [f"## {number}. {what}", "", f"Answer: {answer}.", ""]
        for test, cases in tests.items():
            told = "; ".join(f"`{one}`" for one in dict.fromkeys(cases))
            lines.append(f"- `{test}`{f': {told}' if told else ''}")
        lines += [f"- `{test}`" for test in ELSEWHERE.get(number, ())]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
