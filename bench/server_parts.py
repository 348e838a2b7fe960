"""The servers and reverse proxies that bench/server_choice.py compares, and how each is started."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.server_clients import Door
from tests.nginx import make_certificate, running_nginx

ROOT = Path(__file__).parent.parent
THREADS = 8
_APP = "bench.server_app:app"
_READY_S = 30
_CERTIFICATE = "/etc/letsencrypt/live/clinics.example.org"


def server_command(name: str, *, extra: Path, port: int) -> list[str]:
    """Return the command of a server; those that do not ship come from the `extra` environment."""
    at = f"127.0.0.1:{port}"
    python = str(extra / "bin/python")
    return {
        "waitress (`flask serve`)": [
            str(Path(sys.executable).parent / "flask"), "--app", _APP, "serve",
        ],
        "gunicorn gthread": [
            python, "-m", "gunicorn", "-w", "1", "-k", "gthread", "--threads", str(THREADS),
            "--graceful-timeout", "30", "-b", at, _APP,
        ],
        "granian": [
            python, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1",
            "--port", str(port), "--blocking-threads", str(THREADS),
            "--workers-kill-timeout", "30", "--no-ws", _APP,
        ],
        "cheroot": [
            python, "-m", "cheroot", _APP, "--bind", at, "--threads", str(THREADS),
            "--shutdown-timeout", "30",
        ],
    }[name]  # fmt: skip


SERVERS = ("waitress (`flask serve`)", "gunicorn gthread", "granian", "cheroot")
PROXIES = ("none", "nginx", "Caddy", "HAProxy")


@contextmanager
def running_server(
    name: str, *, folder: Path, extra: Path, public: Door, port: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server on a port with a database of its own, reached by way of `public`."""
    environment = {
        "PATH": os.environ["PATH"],  # noqa: TID251 - the shell's path, no setting
        "CLINICDIR_INSTANCE": str(folder / "instance"),
        "CLINICDIR_PORT": str(port),
        "CLINICDIR_BASE_URL": f"http{'s' * public.tls}://localhost:{public.port}",
        "CLINICDIR_TRUSTED_PROXIES": "127.0.0.1" if public.tls else "",
        "PYTHONPATH": f"{ROOT}:{_libraries()}",
    }
    # Fills the database, so that each server begins with the same pages.
    if not (folder / "instance").exists():
        _fill(environment)
    command = server_command(name, extra=extra, port=port)
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)  # noqa: S603 - our own commands
        try:
            wait_for(Door(port, tls=False), process)
            yield process
        finally:
            end(process)


def _libraries() -> str:
    return next(path for path in sys.path if path.endswith("site-packages"))


def _fill(environment: dict[str, str]) -> None:
    flask = str(Path(sys.executable).parent / "flask")
    process = subprocess.Popen([flask, "serve"], cwd=ROOT, env=environment)  # noqa: S603
    wait_for(Door(int(environment["CLINICDIR_PORT"]), tls=False), process)
    end(process)


@contextmanager
def running_proxy(
    name: str, *, folder: Path, public: Door, port: int, caddy: str
) -> Iterator[subprocess.Popen[bytes] | None]:
    """Start a reverse proxy with the configuration that ships, on ports of the measurement."""
    if name == "none":
        yield None
        return
    if name == "nginx":
        with running_nginx(folder, port=public.port, site=port) as process:
            yield process
        return
    make_certificate(folder)
    chain, key = folder / "fullchain.pem", folder / "privkey.pem"
    (folder / "both.pem").write_text(chain.read_text() + key.read_text())
    places = {_CERTIFICATE: str(folder), "127.0.0.1:8000": f"127.0.0.1:{port}"}
    if name == "Caddy":
        shipped, here = ROOT / "bench/server_proxies/Caddyfile", folder / "Caddyfile"
        places["localhost:443"] = f"localhost:{public.port}"
        command = [caddy, "run", "--adapter", "caddyfile", "--config", str(here)]
    else:
        shipped, here = ROOT / "bench/server_proxies/haproxy.cfg", folder / "haproxy.cfg"
        places["bind :443"] = f"bind 127.0.0.1:{public.port}"
        command = ["haproxy", "-db", "-f", str(here)]
    text = shipped.read_text()
    for old, new in places.items():
        text = text.replace(old, new)
    here.write_text(text)
    environment = {"PATH": "/usr/sbin:/usr/bin:/bin", "HOME": str(folder)}
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603
        try:
            wait_for(public, process)
            yield process
        finally:
            end(process)


def wait_for(door: Door, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server answers at a door, or end with what it said."""
    until = time.monotonic() + _READY_S
    while time.monotonic() < until and process.poll() is None:
        try:
            door.ask("/healthz")
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"{process.args!r} does not answer")


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process, by force where it does not leave."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=35)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def memory_mib(process: subprocess.Popen[bytes] | None) -> float:
    """Return the proportional set size of a process and all that it has started."""
    if process is None:
        return 0
    total, waiting = 0, [process.pid]
    while waiting:
        pid = waiting.pop()
        rolled = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(rolled.partition("\nPss:")[2].split()[0])
        children = Path(f"/proc/{pid}/task/{pid}/children")
        waiting += map(int, children.read_text().split())
    return total / 1024
