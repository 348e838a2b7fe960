"""Two people, two processes, one request each time: whoever claims it first is on it alone."""

import json
import sys
import time
from collections import Counter

import pytest
from flask import Flask

from clinicdir import clock
from clinicdir.appointments.arrival import Arrival, submit_request
from clinicdir.appointments.rules import RequestChannel
from clinicdir.audit.rules import PATIENT
from clinicdir.db import transaction
from tests.integration.test_concurrency import finish, start
from tests.make import make_staff, make_submission
from tests.tables import rows


@pytest.mark.parametrize("claims", [50, pytest.param(1_000, marks=pytest.mark.soak)])
def test_of_four_claims_on_each_request_one_wins(app: Flask, claims: int) -> None:
    with app.app_context():
        people = [make_staff(f"desk{number}@example.com").id for number in range(4)]
        submission = make_submission(app)
        with transaction():
            for number in range(claims):
                arrival = Arrival(f"claims:{number}", RequestChannel.API)
                submit_request(submission, arrival, actor=PATIENT, now=clock.now())
    settings = app.extensions["clinicdir"].settings
    place = (str(settings.instance), settings.database_url)
    pairs = [people[:2], people[2:]]
    processes = [start("-m", "tests.claimers", *place, *map(str, pair)) for pair in pairs]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    began = time.perf_counter()
    for process in processes:  # both begin now
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [json.loads(finish(process, timeout=60 + claims)) for process in processes]
    won = [tuple(one) for gains, _ in told for one in gains]
    sys.stdout.write(
        f"{claims} claims by two times two people: {[len(gains) for gains, _ in told]} by process,"
        f" {Counter(person for person, _ in won)} by person, database busy "
        f"{sum(busy for _, busy in told)} times, {time.perf_counter() - began:.1f} s\n"
    )
    stored = rows(app, "appointment_request", "claimed_by", "reference", "version", "status")
    assert sorted(won) == sorted((person, reference) for person, reference, _, _ in stored)
    assert {(version, status) for _, _, version, status in stored} == {(2, "in_review")}
    assert Counter(rows(app, "request_event", "action")) == {"submit": claims, "claim": claims}
