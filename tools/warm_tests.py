"""Runs tests of copies of this tree, each in a fork that has the libraries loaded already.

Loading them takes three seconds, which is longer than most of the runs. `python -m
tools.warm_tests serve SOCKET` waits for runs; `ask SOCKET JSON` asks for one and exits as it did.
"""

import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
_OWN = {"clinicdir", "tests", "tools", "__main__", "__mp_main__"}
_LONGEST_START_S = 120
_LONGEST_RUN_S = 1_200


@contextmanager
def warm_process() -> Iterator[Path]:
    """Run a server for as long as this lasts, and yield its socket."""
    with TemporaryDirectory(prefix="warm") as folder:
        door = Path(folder) / "door"
        command = [sys.executable, "-m", "tools.warm_tests", "serve", str(door)]
        with subprocess.Popen(command, cwd=ROOT) as server:  # noqa: S603 - our own command
            try:
                until = time.monotonic() + _LONGEST_START_S
                while not door.exists():
                    if server.poll() is not None or time.monotonic() > until:
                        raise RuntimeError("The process that runs the tests did not start.")
                    time.sleep(0.02)
                yield door
            finally:
                server.kill()


def ask(door: Path, *, tree: Path, arguments: list[str], output: Path | None = None) -> int:
    """Run pytest in that tree with these arguments; return its exit code."""
    run = {"tree": str(tree), "arguments": arguments, "output": str(output or os.devnull)}
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(_LONGEST_RUN_S)  # whoever waits no longer ends the run
        line.connect(str(door))
        line.sendall(json.dumps(run).encode() + b"\n")
        answer = line.makefile().readline()
    return int(answer)


def _serve(door: Path) -> None:
    _load_libraries()
    with socket.socket(socket.AF_UNIX) as listener:
        starting = door.with_suffix(".starting")
        listener.bind(str(starting))
        listener.listen()
        starting.rename(door)  # it is there only once it answers
        while True:
            line, _ = listener.accept()
            with line:
                _serve_one(line, listener)


def _load_libraries() -> None:
    """Import what our tests import, but nothing of ours: that is read anew by each run."""
    names = "import sys, tests.conftest; print(*sys.modules)"
    done = subprocess.run(  # noqa: S603 - our own text
        [sys.executable, "-c", names], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in done.stdout.split():
        if name.partition(".")[0] not in _OWN:
            with suppress(Exception):
                importlib.import_module(name)


def _serve_one(line: socket.socket, listener: socket.socket) -> None:
    run = json.loads(line.makefile().readline())
    child = os.fork()
    if child == 0:
        listener.close()
        line.close()
        _run(run)
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            line.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
            break
        if select.select([line], [], [], 0.02)[0]:  # whoever asked is gone
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            break


def _run(run: dict[str, object]) -> None:
    """Run pytest and end this process with its exit code."""
    code = 3
    try:
        os.setsid()
        output = os.open(str(run["output"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(str(run["tree"]))
        sys.dont_write_bytecode = True  # two changes within a second would look the same
        sys.path[0] = str(run["tree"])
        for name in [name for name in sys.modules if name.partition(".")[0] in _OWN - {"__main__"}]:
            del sys.modules[name]
        code = int(importlib.import_module("pytest").main(run["arguments"]))
        sys.stdout.flush()
    finally:
        os._exit(code)


def main() -> int:
    """Serve runs, or ask for one."""
    what, door = sys.argv[1], Path(sys.argv[2])
    if what == "serve":
        _serve(door)
    return ask(door, **json.loads(sys.argv[3])) if what == "ask" else 2


if __name__ == "__main__":
    sys.exit(main())
