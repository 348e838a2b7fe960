"""Looks in every test for what patients typed: in log records, files, mails and links.

The people of the tests are called "… Example" and have numbers of 206 or 425 555-01xx. Such words
may stand sealed in a database and on the pages of patient and staff, and nowhere else. A test that
logs one of them, leaves one in a file of its folder, in a mail or in a link fails, whatever it was
about; `@pytest.mark.plants_canary` is for those that do so on purpose.
"""

import logging
import re
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

# What the pattern needs to match, looked for first: a plain search of a file costs next to nothing.
_SEEDS = (
    b"Example",
    b"55501",
    b"555 01",
    b"555-01",
    b"@patient.example",
    b"canary@",
    b"kim@",
    b"robin@",
    b"jose@",
    b"okapi@",
    b"quill",
)
# No bounds of words: in a row of a database one value follows the other without a gap.
_PATTERN = re.compile(
    rb"(?:Robin|Kim|Ada|Else|First|Second|Other|Zebra|Jos(?:e|\xc3\xa9|%C3%A9))(?: |\+|%20)Example"
    rb"|(?:206|425)[^0-9a-zA-Z]{0,3}555[^0-9a-zA-Z]{0,2}01[0-9]{2}"
    rb"|(?:kim|robin|jose|okapi|quill|quillon)@(?:example\.(?:com|org)|canary\.example)"
    rb"|@patient\.example|canary@"
)
_LINK = re.compile(rb'(?:href|src|action)="(?!tel:|mailto:)([^"]*)"')
# What the site itself writes: databases with their journals, their locks, backups, audit heads.
_WRITTEN = ("*.sqlite3*", "*.backup", "audit_heads/*/*", "*.log")
_BATCH = 64 * 1024 * 1024
_OVERLAP = 64

_lock = threading.Lock()
_found: list[str] = []
_make_record = logging.getLogRecordFactory()


def find(content: bytes) -> str | None:
    """Return the first word of a patient in some bytes, None where there is none."""
    if not any(seed in content for seed in _SEEDS):
        return None
    match = _PATTERN.search(content)
    return match[0].decode(errors="replace") if match else None


def find_in_file(path: Path) -> str | None:
    """Return the first word of a patient in a file of any size."""
    kept = b""
    with path.open("rb") as file:
        while piece := file.read(_BATCH):
            found = find(kept + piece)
            if found:
                return found
            kept = piece[-_OVERLAP:]
    return None


def find_in_files(folder: Path) -> Iterator[str]:
    """Yield what stands in the files that a site has written under a folder."""
    for pattern in _WRITTEN:
        for path in sorted(folder.rglob(pattern)):
            try:
                found = find_in_file(path) if path.is_file() else None
            except OSError:  # a process of the test has just cleared it away
                continue
            if found:
                yield f"{path.relative_to(folder)} holds {found!r}"


def look_at_mail(mail: EmailMessage) -> None:
    """Note where a mail names a patient, in its headers or in any of its parts."""
    # Whom it goes to is the patient's own address, where it goes to the patient.
    texts = [str(value) for name, value in mail.items() if name.lower() not in ("to", "message-id")]
    for part in mail.walk():
        if part.get_content_maintype() == "text":
            payload = part.get_payload(decode=True)
            texts.append(payload.decode(errors="replace") if isinstance(payload, bytes) else "")
    _note("a mail", "\n".join(texts).encode())


def look_at_links(page: bytes, location: str | None) -> None:
    """Note where a link of a page, or what it is led on to, names a patient."""
    _note("a redirect", (location or "").encode())
    if any(seed in page for seed in _SEEDS):
        _note("a link", b"\n".join(_LINK.findall(page)))


def taken() -> list[str]:
    """Return what was found since the last time, and forget it."""
    with _lock:
        seen = list(_found)
        _found.clear()
    return seen


def _note(where: str, content: bytes) -> None:
    found = find(content)
    if found:
        with _lock:
            _found.append(f"{where} holds {found!r}")


def _look_at_record(*args: Any, **kwargs: Any) -> logging.LogRecord:  # noqa: ANN401
    """Make a log record; of whichever logger and handler, this sees it."""
    record = _make_record(*args, **kwargs)
    try:
        text = record.getMessage()
    except (TypeError, ValueError):
        text = f"{record.msg} {record.args}"
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    while error is not None:
        text += f"\n{error}"
        error = error.__cause__ or error.__context__
    _note(f"a log record of {record.name}", text.encode(errors="replace"))
    return record


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "plants_canary: writes a patient's words where none may be")
    logging.setLogRecordFactory(_look_at_record)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that let a patient's words out."""
    taken()
    result = yield
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    found = taken()
    if folder is not None:
        found += find_in_files(folder)
    if found and item.get_closest_marker("plants_canary") is None:
        pytest.fail("words of a patient got out: " + "; ".join(found), pytrace=False)
    return result
