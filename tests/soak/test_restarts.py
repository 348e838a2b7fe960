"""Restarts by SIGTERM under load, through the proxy that ships: nothing in hand is cut or lost."""

import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.integration.test_behind_nginx import Behind
from tests.integration.test_serving import Server
from tests.nginx import running_nginx, trusting
from tests.parts import NGINX
from tests.postgres import free_port
from tests.tables import together

pytestmark = [pytest.mark.soak, pytest.mark.needs(NGINX)]

ROUNDS = 20
CLIENTS = 8
# What nginx notes when a connection that the site had taken ended without an answer.
CUT = ("prematurely closed", "reset by peer", "timed out")


def test_twenty_restarts_under_retrying_clients_cut_nothing(tmp_path: Path) -> None:
    port, begun = free_port(), time.monotonic()
    server = Server(tmp_path / "instance")
    server.environment |= {
        "CLINICDIR_BASE_URL": f"https://localhost:{port}",
        "CLINICDIR_TRUSTED_PROXIES": "127.0.0.1",
    }
    over = threading.Event()
    refused: list[int] = []

    def work(client: int) -> list[str]:
        kept: list[str] = []
        while not over.is_set():
            key = f"client {client} number {len(kept)}"
            status, reference = behind.post(key)
            while status != 201:
                refused.append(status)
                time.sleep(0.2)
                status, reference = behind.post(key)
            kept.append(reference)
        return kept

    def restart() -> None:
        try:
            for _ in range(ROUNDS):
                with server.running() as process:
                    time.sleep(1)
                    process.send_signal(signal.SIGTERM)
                    codes.append(process.wait(timeout=30))
        finally:
            with server.running():
                over.set()
                done.wait(timeout=60)

    codes: list[int] = []
    done = threading.Event()
    with server.running() as first, running_nginx(tmp_path, port=port, site=server.port):
        behind = Behind(server, first, port, tmp_path, trusting(tmp_path))
        first.send_signal(signal.SIGTERM)
        assert first.wait(timeout=30) == 0
        restarts = threading.Thread(target=restart)
        restarts.start()
        kept = [reference for part in together(CLIENTS, work) for reference in part]
        done.set()
        restarts.join()
        cut = [line for line in (tmp_path / "error.log").read_text().splitlines()
               if any(sign in line for sign in CUT)]  # fmt: skip
    assert codes == [0] * ROUNDS
    assert cut == []
    assert set(refused) <= {503}
    assert len(kept) > ROUNDS
    assert sorted(server.stored()) == sorted(kept)
    sys.stdout.write(
        f"{ROUNDS} restarts by SIGTERM under {CLIENTS} clients through nginx: {len(kept)}"
        f" acknowledged, all stored once; {len(refused)} refused before they were taken and sent"
        f" again; 0 cut; {time.monotonic() - begun:.0f} s\n"
    )
