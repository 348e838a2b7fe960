"""Two soft modems back to back and a HylaFAX of their own: a telephone line for one test.

Everything runs in a network and a process namespace of its own, so that several test runs on one
machine do not meet at the fixed port of IAX2, and so that the end of the first process is the end
of all. What lies outside the test's folder has a name of its own and is removed: a file in
/etc/iaxmodem, a link in /dev and a lock for each modem.
"""

import enum
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PORT = 4559
_SPOOL = Path("/var/spool/hylafax")
_ETC = Path("/etc/hylafax")
_IAX = Path("/etc/iaxmodem")
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"  # noqa: TID251 - daemons lie there
_ENVIRONMENT = {"PATH": _PATH, "LC_ALL": "C"}
_CONFIG_FILES = (
    "dialrules", "hfaxd.conf", "hyla.conf", "lutRS18.pcf", "pagesizes", "setup.cache",
    "setup.modem", "typerules",
)  # fmt: skip
_DIALLING = """CountryCode: 1
AreaCode: 206
LongDistancePrefix: 1
InternationalPrefix: 011
DialStringRules: etc/dialrules
"""
# What a modem that only sends can do; a faxgetty would say so of one that also answers.
_ABILITIES = "(0,1),(0-5),(0-4),(0-2),(0,1),(0-2),0,(0-7)"


class End(enum.Enum):
    """What is at the other end of the line."""

    ANSWERS = enum.auto()
    SILENT = enum.auto()
    BUSY = enum.auto()


class FaxLine:
    """The running line; `programs` is the folder with the fax programs that reach it.

    They are the real ones, entered into the line's own network.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spool = folder / "spool"
        self.programs = folder / "programs"
        mark = secrets.token_hex(3)
        self.sender, self.answerer = f"ttyfax{mark}s", f"ttyfax{mark}a"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._first = 0

    # What the test asks.

    @property
    def url(self) -> str:
        """Return the address of the fax server, as the site's setting has it."""
        return f"hylafax://{self.sender}@127.0.0.1:{PORT}"

    def received(self, *, wait: bool = False) -> list[tuple[Path, str]]:
        """Return the files that came out at the other end, each with its trouble, if any."""
        noted = self.spool / "received.list"
        if wait:
            self._wait("page", noted.exists)
        lines = noted.read_text().splitlines() if noted.exists() else []
        return [
            (self.spool / name, trouble) for name, trouble in (ln.split("|", 1) for ln in lines)
        ]

    def wait_for_call(self, seconds: float = 60) -> None:
        """Return once the answering side has begun to receive."""
        self._wait("a call", lambda: self._modem_says(self.answerer, "Receiving"), seconds)

    def wait_for_page(self) -> None:
        """Return once the first twentieth of a page has come out, well before its end."""
        self.wait_for_call()
        some = "RECV received frame number 5"
        self._wait("page", lambda: any(some in log for log in self._sessions()), 60)

    def _sessions(self) -> list[str]:
        return [log.read_text(errors="replace") for log in self.spool.glob("log/c0*")]

    def hang_up_at_the_other_end(self) -> None:
        """Kill the answering side's modem in mid call, as if its plug had been pulled."""
        self._kill(f"iaxmodem-{self.answerer}")

    def logs(self) -> str:
        """Return what daemons and calls have written, for a failing test."""
        files = [*sorted((self.folder / "log").iterdir()), *sorted(self.spool.glob("log/c0*"))]
        return "\n".join(f"== {file.name}\n{file.read_text(errors='replace')}" for file in files)

    # Start and end.

    def start(self, end: End) -> None:
        self._make_spool()
        self._enter_namespaces()
        self._write_programs()
        self._modem(self.sender, 4570, rings=0)
        modems = [self.sender]
        if end is End.BUSY:
            self._daemon("busy", sys.executable, str(Path(__file__).with_name("busy_peer.py")))
        else:
            self._modem(self.answerer, 4569, rings=1)
            modems.append(self.answerer)
        self._daemon("faxq", "faxq", "-D", "-q", str(self.spool))
        self._daemon(
            "hfaxd", "hfaxd", "-d", "-q", str(self.spool), "-l", "127.0.0.1", "-i", str(PORT)
        )
        for path in (*(Path("/dev") / name for name in modems), self.spool / "FIFO"):
            self._wait(str(path), path.exists)
        if end is End.ANSWERS:
            # Only this side has a faxgetty: of two that become ready in the same instant the
            # queue may miss one, and a job would wait for ever.
            self._daemon("faxgetty", "faxgetty", "-q", str(self.spool), self.answerer)
            self._wait("a modem", lambda: self._modem_says(self.answerer, "Running and idle"), 60)
        self._wait("faxq", self._announced)

    def stop(self) -> None:
        for name in list(self._running):
            self._kill(name)
        for name in (self.sender, self.answerer):
            for path in (_IAX / name, Path("/dev") / name, Path("/var/lock") / f"LCK..{name}"):
                path.unlink(missing_ok=True)

    def _make_spool(self) -> None:
        self.folder.chmod(0o755)
        (self.folder / "log").mkdir()
        _IAX.mkdir(exist_ok=True)
        _copy_empty(_SPOOL, self.spool)
        for folder in (path for path in _SPOOL.iterdir() if path.is_dir()):
            _copy_empty(folder, self.spool / folder.name)
        shutil.copytree(_SPOOL / "bin", self.spool / "bin", dirs_exist_ok=True)
        os.mknod(self.spool / "dev/null", 0o666 | 0o020000, os.makedev(1, 3))
        for name in _CONFIG_FILES:
            shutil.copy(_ETC / name, self.spool / "etc" / name)
        cache = self.spool / "etc/setup.cache"
        cache.write_text(f"{cache.read_text()}\nSPOOL='{self.spool}'\n")
        _write(self.spool / "bin/faxrcvd", '#!/bin/sh\necho "$1|$4" >>received.list\n', 0o755)
        _write(self.spool / "bin/notify", "#!/bin/sh\n", 0o755)
        _write(self.spool / "log/seqf", "1\n", 0o644, owner="uucp")
        _write(self.spool / "etc/hosts.hfaxd", "127.0.0.1\n", 0o600, owner="uucp")
        _write(self.spool / "etc/config", f"{_DIALLING}ServerTracing: 1\n", 0o644)

    def _enter_namespaces(self) -> None:
        """Start the first process of the namespaces; the kernel ends the others with it."""
        command = (
            "setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--pid", "--fork",
            "--kill-child=KILL", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity",
        )  # fmt: skip
        holder = subprocess.Popen(command, stdout=subprocess.PIPE, env=_ENVIRONMENT)  # noqa: S603
        self._running["holder"] = holder
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"up\n"
        children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text()
        self._first = int(children.split()[0])

    def _write_programs(self) -> None:
        self.programs.mkdir()
        for name in ("sendfax", "faxstat", "faxrm", "faxmodem"):
            real = shutil.which(name, path=_PATH)
            enter = " ".join((*self._inside(), "--", str(real)))
            _write(self.programs / name, f'#!/bin/sh\nexec {enter} "$@"\n', 0o755)

    def _inside(self) -> tuple[str, ...]:
        return (str(shutil.which("nsenter")), "-t", str(self._first), "--net", "--pid")

    def _modem(self, name: str, port: int, *, rings: int) -> None:
        lines = (
            f"device /dev/{name}", "owner uucp:uucp", "mode 660", f"port {port}", "refresh 0",
            "server 127.0.0.1", f"peername {name}", "secret loopback", "cidname loopback",
            "cidnumber 2065550100", "codec slinear",
        )  # fmt: skip
        (_IAX / name).write_text("\n".join(lines) + "\n")
        settings = (
            f"FAXNumber: +1.206.555.010{rings}", f"LocalIdentifier: line-{rings}",
            f"RingsBeforeAnswer: {rings}", "SessionTracing: 0xFFF", "RecvFileMode: 0644",
            "LogFileMode: 0644", "TagLineFont: etc/lutRS18.pcf",
        )  # fmt: skip
        prototype = (_SPOOL / "config/iaxmodem").read_text()
        config = f"{prototype}\n{_DIALLING}" + "\n".join(settings) + "\n"
        _write(self.spool / f"etc/config.{name}", config, 0o644)
        self._daemon(f"iaxmodem-{name}", "iaxmodem", name)

    def _daemon(self, name: str, *command: str) -> None:
        with (self.folder / "log" / name).open("wb") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603
                (*self._inside(), "--", *command),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_ENVIRONMENT,
                start_new_session=True,
            )  # fmt: skip

    def _kill(self, name: str) -> None:
        """End one daemon with all its children: each leads a process group of its own."""
        process = self._running.pop(name)
        try:
            if name == "holder":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait(timeout=10)
        if process.stdout is not None:
            process.stdout.close()

    def _announced(self) -> bool:
        """Tell the queue that the sending modem is ready."""
        command = ("faxmodem", "-q", str(self.spool), "-c", _ABILITIES, self.sender)
        return self._run(*command).returncode == 0

    def _modem_says(self, modem: str, words: str) -> bool:
        lines = self._run("faxstat", "-h", f"127.0.0.1:{PORT}").stdout.splitlines()
        return any(modem in line and words in line for line in lines)

    def _run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603
            (str(self.programs / name), *arguments),
            capture_output=True, text=True, timeout=30, check=False, env=_ENVIRONMENT,
        )  # fmt: skip

    def _wait(self, what: str, ready: Callable[[], bool], seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < end, f"no {what} within {seconds} s\n{self.logs()}"
            time.sleep(0.25)


@contextmanager
def running_fax_line(end: End = End.ANSWERS) -> Iterator[FaxLine]:
    """Yield a line with this other end."""
    # Not pytest's folder: HylaFAX's own user must be able to walk to it.
    with tempfile.TemporaryDirectory(prefix="fax-line-") as folder:
        line = FaxLine(Path(folder))
        try:
            line.start(end)
            yield line
        finally:
            line.stop()


def _copy_empty(original: Path, copy: Path) -> None:
    """Make a folder with the owner and the rights of another."""
    copy.mkdir()
    shutil.copystat(original, copy)
    found = original.stat()
    os.chown(copy, found.st_uid, found.st_gid)


def _write(path: Path, text: str, mode: int, *, owner: str = "root") -> None:
    path.write_text(text)
    path.chmod(mode)
    shutil.chown(path, owner, owner)
