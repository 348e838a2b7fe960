"""Faxes by HylaFAX: its own `sendfax` hands the page over, its `faxstat` says how it went.

HylaFAX makes one call a job. Whether to call again is decided by our outbox, which counts tries
over all channels alike and shows them on the request's page.
"""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from clinicdir.notifications.channels import Troubled
from clinicdir.notifications.fax import (
    FaxJob,
    FaxState,
    FaxStatus,
    HylafaxAddress,
    Unreachable,
)

TIMEOUT_S = 60
_ACCEPTED = re.compile(r"request id is (\d+)")
_KEY = re.compile(r"[A-Za-z0-9-]{1,60}")
# Job, state, pages sent, calls that were answered, our key, reason: each as long as it is.
_FORMAT = 'JobFmt: "%-1j|%-1a|%-1p|%-1t|%-1J|%s"\n'
_SCHEDULER = "HylaFAX scheduler on "
_FIELDS = 6
_STATES = {
    "D": FaxState.RECEIVED,
    "F": FaxState.FAILED,
    "R": FaxState.CALLING,
}
_TOO_MANY = "; too many attempts to "


class HylafaxDriver:
    """Sends through one HylaFAX server, which may be on another machine."""

    def __init__(self, address: HylafaxAddress) -> None:
        """Keep the address; nothing is asked before the first fax."""
        host = f"[{address.host}]" if ":" in address.host else address.host
        self._server = f"{host}:{address.port}"
        self._target = f"{address.modem}@{self._server}" if address.modem else self._server

    def submit(self, job: FaxJob) -> FaxStatus:
        """Queue the page in fine resolution, without a cover, for one call."""
        if not _KEY.fullmatch(job.key):
            message = "a key holds letters, digits and hyphens"
            raise ValueError(message)
        tries = [entry.status for entry in self._jobs() if entry.key == job.key]
        for status in tries:
            if not status.is_final or status.state is FaxState.RECEIVED:
                return status
        with tempfile.TemporaryDirectory(prefix="clinicdir-fax-") as folder:
            page = Path(folder) / "page.pdf"
            page.write_bytes(job.pdf)
            said = _run(
                "sendfax", "-h", self._target, "-n", "-m", "-N", "-s", "na-let", "-t", "1",
                "-T", "1", "-i", job.key, "-d", job.number, str(page), home=folder,
            )  # fmt: skip
        accepted = _ACCEPTED.search(said)
        if accepted is None:
            message = "sendfax did not say that it has queued the page"
            raise Troubled(message)
        return FaxStatus(FaxState.QUEUED, accepted[1])

    def follow(self, job: str) -> FaxStatus:
        """Return how the job stands; one that the server no longer knows has failed."""
        known = next((entry for entry in self._jobs() if entry.status.job == job), None)
        if known is None:
            return FaxStatus(FaxState.FAILED, job, "the fax server no longer knows this job")
        return known.status

    def check(self) -> None:
        """Raise Unreachable where the server cannot be asked, for `flask doctor`."""
        self._jobs()

    def _jobs(self) -> "list[_Entry]":
        """Return every job of the server's queues, waiting, running and done."""
        with tempfile.TemporaryDirectory(prefix="clinicdir-fax-") as folder:
            (Path(folder) / ".hylarc").write_text(_FORMAT)
            said = _run("faxstat", "-h", self._server, "-s", "-d", home=folder)
        if _SCHEDULER not in said:
            # faxstat ends well even where it reached nobody: an empty answer is no empty queue.
            message = "the fax server cannot be reached"
            raise Unreachable(message)
        entries = (read_entry(line) for line in said.splitlines())
        return [entry for entry in entries if entry is not None]


@dataclass(frozen=True)
class _Entry:
    key: str
    status: FaxStatus


def read_entry(line: str) -> _Entry | None:
    """Read one line of the queue in our format; None for titles and what is no job."""
    fields = line.split("|", _FIELDS - 1)
    if len(fields) != _FIELDS or not fields[0].strip().isdigit():
        return None
    job, letter, pages, answered, key, words = (field.strip() for field in fields)
    words = words.partition(_TOO_MANY)[0]
    state = _STATES.get(letter, FaxState.QUEUED)
    if state is FaxState.FAILED:
        state = _told_apart(words, answered=answered not in ("", "0"))
    return _Entry(key, FaxStatus(state, job, words, int(pages) if pages.isdigit() else 0))


def _told_apart(words: str, *, answered: bool) -> FaxState:
    """Tell how a call failed: HylaFAX counts apart the calls that a fax machine has answered."""
    if words.startswith("Busy signal"):
        return FaxState.BUSY
    if words.startswith(("No answer", "Ringback detected", "No carrier", "No receiver protocol")):
        return FaxState.NO_ANSWER
    return FaxState.CUT_OFF if answered else FaxState.FAILED


def _run(name: str, *arguments: str, home: str) -> str:
    """Return what a program of HylaFAX says; Unreachable where it is missing, fails or hangs."""
    program = shutil.which(name)
    if program is None:
        message = f"{name} was not found (Debian: hylafax-client)"
        raise Unreachable(message)
    try:
        done = subprocess.run(  # noqa: S603 - no shell; every argument is checked or our own
            (program, *arguments),
            capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, check=False,
            # A folder of our own: settings of whoever runs the site must not change the format.
            env={"HOME": home, "PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        message = f"{name} did not come to an end within {TIMEOUT_S} s"
        raise Unreachable(message) from None
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it did not say why"]
        raise Unreachable(f"{name} failed: {lines[0].replace(home, '')}")
    return done.stdout
