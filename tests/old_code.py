"""A process of an older release that serves while a newer one migrates; started in its own tree.

It takes an instance folder, a database URL (or ""), and the encryption key. It makes its database,
posts requests from four threads until a line comes on standard input, then posts once more, signs a
desk person in and opens the inbox; it prints what came of it as JSON.
"""

import json
import sys
import threading
from pathlib import Path

from flask.testing import FlaskClient

from clinicdir.cli.serving import prepare_database
from clinicdir.db import db
from tests.conftest import build_app
from tests.make import make_answers, make_staff, sign_in

THREADS = 4
DESK = "desk@renton.example"


def main(folder: str, url: str, key: str) -> dict[str, object]:
    """Return the answers to all posts, and what the inbox showed after the migration."""
    app = build_app(Path(folder), database_url=url, encryption_keys=key)
    with app.app_context():
        prepare_database()
        make_staff(DESK)
        db.session.remove()
    done = threading.Event()
    answers: list[tuple[int, str]] = []

    def post(name: str) -> None:
        asked = FlaskClient(app).post(
            "/api/v1/requests", json=make_answers(), headers={"Idempotency-Key": name}
        )
        answers.append((asked.status_code, (asked.get_json() or {}).get("reference", "")))

    def post_on(thread: int) -> None:
        number = 0
        while not done.wait(0.01):
            number += 1
            post(f"old-{thread}-{number}")

    threads = [threading.Thread(target=post_on, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    while len(answers) < THREADS:
        done.wait(0.01)
    print("ready", flush=True)  # noqa: T201 - to the test that started this
    sys.stdin.readline()
    done.set()
    for thread in threads:
        thread.join()
    post("old-after")
    client = app.test_client()
    sign_in(client, DESK)
    newest = answers[-1][1]
    inbox, one = client.get("/staff/"), client.get(f"/staff/requests/{newest}")
    # The first page of the inbox has room for the oldest ones only.
    listed = any(reference in inbox.get_data(as_text=True) for _, reference in answers if reference)
    shows = newest in one.get_data(as_text=True)
    return {"answers": answers, "inbox": [inbox.status_code, listed, one.status_code, shows]}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))  # noqa: T201 - to the test that started this
