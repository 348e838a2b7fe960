"""Where faxes go, and what is said of one."""

import stat
from pathlib import Path

import pytest

from clinicdir.notifications.channels import NoAddress, Refused, Troubled
from clinicdir.notifications.fax import (
    ALLOWED,
    PRESETS,
    FaxAddress,
    FaxJob,
    FaxState,
    FaxStatus,
    HttpGateway,
    HylafaxAddress,
    MailGateway,
    NoFax,
    parse_fax_url,
)
from clinicdir.notifications.fax_hylafax import HylafaxDriver, read_entry

PDF = b"%PDF-1.3\n"
JOB = FaxJob("+12065550101", PDF, key="key-1")
IN_BRACES = "may hold {digits}, {number} and {key}, and no other name in braces"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("hylafax://fax.example", HylafaxAddress("fax.example", 4559)),
        ("hylafax://ttyS0@fax.example:4560", HylafaxAddress("fax.example", 4560, "ttyS0")),
        ("hylafax://[::1]:4559/", HylafaxAddress("::1", 4559)),
        ("mailto:{digits}@gateway.example", MailGateway("{digits}@gateway.example")),
        ("mailto:fax={digits}@g.example", MailGateway("fax={digits}@g.example")),
        ("https://g.example/v1?to={digits}", HttpGateway("https://g.example/v1?to={digits}")),
        ("interfax:", HttpGateway(PRESETS["interfax:"])),
        ("http://127.0.0.1:81/fax", HttpGateway("http://127.0.0.1:81/fax")),
    ],
)
def test_address_of_a_driver_is_read(url: str, address: FaxAddress) -> None:
    assert parse_fax_url(url) == address


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("fax.example", ALLOWED),
        ("hylafax://", ALLOWED),
        ("hylafax://fax.example:port", ALLOWED),
        ("hylafax://-h@fax.example", ALLOWED),
        ("hylafax://fax.example/queue", ALLOWED),
        ("mailto:fax@gateway.example", ALLOWED),
        ("mailto:{digits}@", ALLOWED),
        ("mailto:{digits}@a.example,b@c.example", ALLOWED),
        ("mailto:{digits}\r\nBcc: x@gateway.example", ALLOWED),
        ("https:///faxes", IN_BRACES),
        ("https://g.example/{secret}", IN_BRACES),
        ("http://g.example/", "must begin with https:// where the gateway is on another machine"),
    ],
)
def test_wrong_address_says_what_is_allowed(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parse_fax_url(url)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    "number", ["", "12065550101", "+1206555 0101", "+1206;rm", "-d", "+120655501012345678"]
)
def test_what_is_no_number_is_refused_for_good(number: str) -> None:
    with pytest.raises(Refused, match="the fax number is not in the form"):
        FaxJob(number, PDF, key="key-1")


def test_what_is_no_pdf_is_refused_for_good() -> None:
    """HylaFAX would fax it as plain text and report success."""
    with pytest.raises(Refused, match="the page is no PDF"):
        FaxJob("+12065550101", b"<html>", key="key-1")


def test_without_a_driver_the_message_waits() -> None:
    with pytest.raises(NoAddress, match="CLINICDIR_FAX_URL is not set"):
        NoFax().submit(JOB)
    with pytest.raises(NoAddress, match="CLINICDIR_FAX_URL is not set"):
        NoFax().follow("1")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("7|W|0|0|key-1|", FaxStatus(FaxState.QUEUED, "7")),
        ("7|S|0|0|key-1|Busy", FaxStatus(FaxState.QUEUED, "7", "Busy")),
        ("7|R|0|0|key-1|", FaxStatus(FaxState.CALLING, "7")),
        ("7|D|1|1|key-1|", FaxStatus(FaxState.RECEIVED, "7", pages=1)),
        (
            "7|F|0|0|key-1|Busy signal detected; too many attempts to dial",
            FaxStatus(FaxState.BUSY, "7", "Busy signal detected"),
        ),
        (
            "7|F|0|0|key-1|No answer from remote; too many attempts to dial",
            FaxStatus(FaxState.NO_ANSWER, "7", "No answer from remote"),
        ),
        (
            "7|F|0|1|key-1|Remote fax disconnected prematurely; too many attempts to send",
            FaxStatus(FaxState.CUT_OFF, "7", "Remote fax disconnected prematurely"),
        ),
        (
            "7|F|0|0|key-1|No local dialtone; too many attempts to dial",
            FaxStatus(FaxState.FAILED, "7", "No local dialtone"),
        ),
        ("7|F|0|0|key-1|Odd | words", FaxStatus(FaxState.FAILED, "7", "Odd | words")),
    ],
)  # fmt: skip
def test_a_job_of_hylafax_is_read(line: str, status: FaxStatus) -> None:
    entry = read_entry(line)
    assert entry is not None
    assert (entry.key, entry.status) == ("key-1", status)


@pytest.mark.parametrize("line", ["", "J|S|P|T|J|Status", "HylaFAX scheduler on a: Running"])
def test_what_is_no_job_is_passed_over(line: str) -> None:
    assert read_entry(line) is None


def test_only_a_receipt_ends_a_fax_well() -> None:
    final = {state: FaxStatus(state, "7").is_final for state in FaxState}
    assert [state for state, is_final in final.items() if not is_final] == [
        FaxState.QUEUED,
        FaxState.CALLING,
    ]
    lost = []
    for state in FaxState:
        try:
            FaxStatus(state, "7", "why").raise_if_lost()
        except Troubled as trouble:
            lost.append(str(trouble))
    assert lost == [
        "the line was busy: why",
        "nobody answered: why",
        "the call broke off before the page was confirmed: why",
        "failed: why",
    ]


SCHEDULER = "HylaFAX scheduler on fax.example: Running"


@pytest.fixture
def fax_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a folder of stand-ins for HylaFAX's programs first; each is a script of the test."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(stat.S_IRWXU)


DRIVER = HylafaxDriver(HylafaxAddress("127.0.0.1", 4559, "ttyS0"))


def test_page_is_queued_fine_without_cover_for_one_call(fax_programs: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    program(fax_programs, "faxstat", f"echo '{SCHEDULER}'")
    program(fax_programs, "sendfax", f'echo "$*" >{told}; echo request id is 12')
    assert DRIVER.submit(JOB) == FaxStatus(FaxState.QUEUED, "12")
    *words, page = told.read_text().split()
    assert " ".join(words) == (
        "-h ttyS0@127.0.0.1:4559 -n -m -N -s na-let -t 1 -T 1 -i key-1 -d +12065550101"
    )
    assert not Path(page).exists()


@pytest.mark.parametrize(
    ("queue", "status"),
    [
        ("3|R|0|0|key-1|", FaxStatus(FaxState.CALLING, "3")),
        ("3|D|1|1|key-1|", FaxStatus(FaxState.RECEIVED, "3", pages=1)),
        ("3|F|0|0|key-1|Busy signal detected", FaxStatus(FaxState.QUEUED, "4")),
        ("3|D|1|1|key-2|", FaxStatus(FaxState.QUEUED, "4")),
    ],
)
def test_what_is_on_its_way_or_received_is_not_faxed_again(
    fax_programs: Path, queue: str, status: FaxStatus
) -> None:
    program(fax_programs, "faxstat", f"echo '{SCHEDULER}'; echo '{queue}'")
    program(fax_programs, "sendfax", "echo request id is 4")
    assert DRIVER.submit(JOB) == status


@pytest.mark.parametrize(
    ("faxstat", "sendfax", "sentence"),
    [
        ("exit 0", "", "the fax server cannot be reached"),
        ("echo no route >&2; exit 1", "", "faxstat failed: no route"),
        (f"echo '{SCHEDULER}'", "echo refused >&2; exit 255", "sendfax failed: refused"),
        (f"echo '{SCHEDULER}'", "", "sendfax did not say that it has queued the page"),
    ],
)
def test_a_fax_server_that_fails_is_troubled(
    fax_programs: Path, faxstat: str, sendfax: str, sentence: str
) -> None:
    program(fax_programs, "faxstat", faxstat)
    program(fax_programs, "sendfax", sendfax)
    with pytest.raises(Troubled) as trouble:
        DRIVER.submit(JOB)
    assert str(trouble.value) == sentence


def test_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Troubled, match=r"faxstat was not found \(Debian: hylafax-client\)"):
        DRIVER.follow("1")
