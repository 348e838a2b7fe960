"""A process of its own that posts requests from eight threads at once, for test_concurrency.

It takes an instance folder, a database URL (or ""), a name and perhaps the encryption key; it
prints each answer's status.
"""

import json
import sys
from pathlib import Path

from tests.conftest import KEY, build_app
from tests.make import make_answers
from tests.tables import together

THREADS = 8
POSTS = 10


def post_all(folder: str, url: str, name: str, key: str = KEY) -> list[int]:
    """Return the statuses of all posts of this process."""
    app = build_app(Path(folder), database_url=url, encryption_keys=key)

    def post(thread: int) -> list[int]:
        client = app.test_client()
        return [
            client.post(
                "/api/v1/requests",
                json=make_answers(patient_name=f"Robin {name} {thread} {number}"),
                headers={"Idempotency-Key": f"{name}-{thread}-{number}"},
            ).status_code
            for number in range(POSTS)
        ]

    print("ready", flush=True)  # noqa: T201 - to the test that started this
    sys.stdin.readline()
    return [status for statuses in together(THREADS, post) for status in statuses]


if __name__ == "__main__":
    print(json.dumps(post_all(*sys.argv[1:])))  # noqa: T201 - to the test that started this
