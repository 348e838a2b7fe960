"""The real process: it starts, stops, starts again and stores what it acknowledged."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.make import make_answers
from tests.postgres import free_port

ROOT = Path(__file__).parent.parent.parent
FLASK = Path(sys.executable).parent / "flask"


class Server:
    """`flask serve` as an operator starts it, in an instance folder of its own."""

    def __init__(self, instance: Path) -> None:
        self.port = free_port()
        self.environment = {
            "PATH": os.environ["PATH"],  # noqa: TID251 - the shell's path, no setting
            "CLINICDIR_INSTANCE": str(instance),
            "CLINICDIR_PORT": str(self.port),
            "CLINICDIR_RATE_LIMITS": "off",
        }

    @contextmanager
    def running(self, *, ignore_sigint: bool = False) -> Iterator["subprocess.Popen[str]"]:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [FLASK, "serve"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_ignore_sigint if ignore_sigint else None,  # noqa: PLW1509
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("clinicdir is at http"), line
            yield process
        finally:
            process.kill()
            process.communicate(timeout=10)

    def post(self, key: str) -> dict[str, str]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1/requests",
            data=json.dumps(make_answers()).encode(),
            headers={"Content-Type": "application/json", "Idempotency-Key": key},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            assert answer.status == 201
            made: dict[str, str] = json.load(answer)
            return made

    def refused(self, sender: str, key: str) -> int:
        """Post an empty request in the name of a sender and return the refusal's status."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1/requests",
            data=b"{}",
            headers={
                "Content-Type": "application/json",
                "Idempotency-Key": key,
                "X-Forwarded-For": sender,
            },
        )
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(request, timeout=10)  # noqa: S310 - loopback
        refusal.value.close()
        return refusal.value.code

    def stored(self) -> list[str]:
        done = subprocess.run(  # noqa: S603 - our own command
            [FLASK, "requests", "list", "--json"],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return [row["reference"] for row in json.loads(done.stdout)]


def _ignore_sigint() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def test_request_survives_a_kill_and_the_next_start_stores_more(server: Server) -> None:
    with server.running() as process:
        first = server.post("one")["reference"]
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=5)
    with server.running():
        again, second = server.post("one")["reference"], server.post("two")["reference"]
        assert again == first
        assert server.stored() == [first, second]


@pytest.mark.parametrize("ignore_sigint", [False, True], ids=["from a shell", "in the background"])
def test_sigterm_ends_the_process_cleanly(server: Server, *, ignore_sigint: bool) -> None:
    with server.running(ignore_sigint=ignore_sigint) as process:
        reference = server.post("one")["reference"]
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""
    assert server.stored() == [reference]


def test_a_bad_setting_ends_the_start_with_one_plain_sentence(server: Server) -> None:
    done = subprocess.run(  # noqa: S603 - our own command
        [FLASK, "serve"],
        cwd=ROOT,
        env=server.environment | {"CLINICDIR_PROT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "clinicdir cannot start.\n"
        "There is no setting CLINICDIR_PROT. Did you mean CLINICDIR_PORT?\n"
    )


def test_a_port_in_use_is_said_in_words(server: Server) -> None:
    with server.running():
        done = subprocess.run(  # noqa: S603 - our own command
            [FLASK, "serve"],
            cwd=ROOT,
            env=server.environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == (
        f"Cannot listen on 127.0.0.1:{server.port} (Address already in use)."
        " Set CLINICDIR_PORT to a free port, and CLINICDIR_HOST to an address of this machine.\n"
    )


def test_seeds_that_cannot_be_read_end_the_start_with_one_line(server: Server) -> None:
    done = subprocess.run(  # noqa: S603 - our own command
        [FLASK, "serve"],
        cwd=ROOT,
        env=server.environment | {"CLINICDIR_SEEDS": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "/nonexistent:1: No such file or directory: a file\n"


@pytest.mark.parametrize(("trusted", "status"), [("127.0.0.1", 422), ("10.9.9.9", 429)])
def test_forwarded_address_counts_only_from_a_trusted_proxy(
    server: Server, trusted: str, status: int
) -> None:
    server.environment |= {"CLINICDIR_TRUSTED_PROXIES": trusted, "CLINICDIR_RATE_LIMITS": "on"}
    with server.running():
        for number in range(201):
            last = server.refused("10.0.0.9", key=f"{number}")
        assert last == 429
        assert server.refused("172.16.5.5", key="another") == status


def test_process_logs_lines_of_json(server: Server) -> None:
    server.environment["CLINICDIR_LOG_FORMAT"] = "json"
    with server.running() as process:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/healthz") as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=10)
    (line,) = [json.loads(one) for one in told.splitlines()]
    assert (line["event"], line["route"], len(line["request_id"])) == ("answered", "/healthz", 32)
