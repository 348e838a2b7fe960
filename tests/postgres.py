"""Starts a PostgreSQL server of the test run's own, on a free port of this machine."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

USER = "clinicdir"


def find_binaries() -> Path | None:
    """Return the folder of initdb and pg_ctl, or None where PostgreSQL is not installed."""
    folders = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    found = shutil.which("initdb")
    if found:
        folders.append(Path(found).resolve().parent)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


@contextmanager
def running_postgres() -> Iterator[str | None]:
    """Yield the URL of a fresh server without a database name, or None without PostgreSQL."""
    binaries = find_binaries()
    if binaries is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="clinicdir-pg-"))
    account = _unprivileged_account()
    if account is not None:
        shutil.chown(folder, *account)
    data, port = folder / "data", free_port()
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
    # Without its statistics of a few rows the planner chooses as for tables that may grow.
    options += " -c full_page_writes=off -c max_connections=60 -c autovacuum=off"
    try:
        _run(account, binaries / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8")
        log = folder / "log"
        _run(account, binaries / "pg_ctl", "-D", data, "-o", options, "-l", log, "-w", "start")
        yield f"postgresql+psycopg://{USER}@127.0.0.1:{port}"
    finally:
        subprocess.run(  # noqa: S603 - our own arguments
            [binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop"],
            check=False,
            capture_output=True,
            **_as(account),
        )
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged_account() -> tuple[int, int] | None:
    """Return another user's numbers where we are root, as which PostgreSQL refuses to run."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return account.pw_uid, account.pw_gid
    return None


def _as(account: tuple[int, int] | None) -> dict[str, Any]:
    return {} if account is None else {"user": account[0], "group": account[1]}


def _run(account: tuple[int, int] | None, *command: object) -> None:
    subprocess.run(  # noqa: S603 - our own arguments
        [str(part) for part in command],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        **_as(account),
    )


def free_port() -> int:
    """Return a port of the loopback address that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
