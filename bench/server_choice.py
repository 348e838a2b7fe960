"""Compares WSGI servers, alone and behind reverse proxies, by what a clinic's site must bear.

    python -m bench.server_choice
    python -m bench.server_choice --extra /tmp/servers --caddy /usr/bin/caddy --only waitress

Each pair is started on 127.0.0.1 and asked for four things: do 200 visitors still get the home
page while 64 clients hold half a header and 64 hold half a body (with p50/p95); are 12 requests of
four seconds each answered when SIGTERM comes 1.5 seconds after they were sent, with 8 threads;
which headers of a sender, host or scheme that a client made up reach the site; how much memory
(PSS) is taken. It prints a table in Markdown. Servers that do not ship are looked for in the
environment `--extra`:

    python3 -m venv /tmp/servers && /tmp/servers/bin/pip install gunicorn granian cheroot

nginx, haproxy and openssl are Debian's. Times are loose, as machines are noisy; counts are not.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from bench.server_clients import Door, Running, ask_often, stalled
from bench.server_parts import (
    PROXIES,
    SERVERS,
    end,
    memory_mib,
    running_proxy,
    running_server,
)
from tests.postgres import free_port

_FORGED = (
    "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: ftp\r\n"
    "X-Forwarded-Prefix: /evil\r\nX-Forwarded-Port: 666\r\nForwarded: for=6.6.6.6\r\n"
    "X_Forwarded_For: 6.6.6.6\r\n"
)
_HEADINGS = (
    "server", "proxy", "nobody stalls", "64 half headers", "64 half headers, 64 half bodies",
    "kept on SIGTERM", "ended, code", "forged headers", "MiB server + proxy",
)  # fmt: skip
_SIGNS = ("6.6.6.6", "evil", "ftp", "666")
_RUNNING, _RUNNING_S, _BEGUN_S = 12, 4.0, 1.5


def main() -> None:
    """Try every pair that this machine has and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extra", type=Path, default=Path("/tmp/servers"))  # noqa: S108
    parser.add_argument("--caddy", default=shutil.which("caddy") or "caddy")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    say(f"{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    say(f"\n| {' | '.join(_HEADINGS)} |\n{'| --- ' * len(_HEADINGS)}|")
    for server in SERVERS:
        for proxy in PROXIES:
            if options.only in f"{server} {proxy}":
                with tempfile.TemporaryDirectory() as folder:
                    row = measure(server, proxy, folder=Path(folder), options=options)
                say(f"| {server} | {proxy} | {' | '.join(row)} |")


def say(line: str) -> None:
    """Print a line at once: the whole takes a quarter of an hour."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def measure(
    server: str, proxy: str, *, folder: Path, options: argparse.Namespace
) -> tuple[str, ...]:
    """Return the cells of one pair."""
    port = free_port()
    folder.chmod(0o755)  # the workers of nginx run under an account of their own
    public = Door(port, tls=False) if proxy == "none" else Door(free_port(), tls=True)
    with (
        running_server(
            server, folder=folder, extra=options.extra, public=public, port=port
        ) as process,
        running_proxy(
            proxy, folder=folder, public=public, port=port, caddy=options.caddy
        ) as before,
    ):
        calm = ask_often(public)
        with stalled(public, headers=64, bodies=0):
            headers = ask_often(public)
        with stalled(public, headers=64, bodies=64):
            bodies = ask_often(public)
        forged = forged_seen(public)
        memory = f"{memory_mib(process):.0f} + {memory_mib(before):.0f}"
        running = Running(public, count=_RUNNING, seconds=_RUNNING_S)
        time.sleep(_BEGUN_S)
        begun = time.monotonic()
        end(process)
        ended = f"{time.monotonic() - begun:.1f} s, {process.returncode}"
        kept = f"{running.join()} of {_RUNNING}"
    return str(calm), str(headers), str(bodies), kept, ended, forged, memory


def forged_seen(public: Door) -> str:
    """Return which forged headers reach the site, and whom it takes for the sender."""
    try:
        _, body = public.ask("/-/seen", _FORGED)
        told = json.loads(body)
    except (OSError, ValueError):
        return "no answer"
    reached = sorted(
        name.removeprefix("HTTP_").replace("_", "-").title()
        for name, value in told.items()
        if any(sign in str(value) for sign in _SIGNS)
    )
    return ", ".join(reached) or "none reach the site"


if __name__ == "__main__":
    main()
