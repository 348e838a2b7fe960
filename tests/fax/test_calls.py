"""Real calls: a page leaves by HylaFAX through one soft modem and comes out at another."""

import os
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageFilter

from clinicdir.notifications.channels import Troubled
from clinicdir.notifications.fax import FaxJob, FaxState, FaxStatus, HylafaxAddress, parse_fax_url
from clinicdir.notifications.fax_fonts import find_fonts
from clinicdir.notifications.fax_hylafax import HylafaxDriver
from clinicdir.notifications.fax_page import FaxPage, draw_fax_page
from tests.fax.line import End, FaxLine, running_fax_line
from tests.fax_reading import code_of
from tests.parts import FAX_LINE, FAX_PAGE

pytestmark = [pytest.mark.needs(FAX_PAGE), pytest.mark.needs(FAX_LINE)]

NUMBER = "+12065550101"
PAGE = FaxPage(
    clinic="Phòng khám Renton",
    fax="(206) 555-0101",
    reference="C7K-4KQ2",
    arrived="Tue, Nov 24, 5:00 pm",
    link="https://clinics.example/staff/requests/C7K4KQ2",
    call_back="(206) 555-0100",
    name="Nguyễn Ễ · Жанна Щукіна · 王小明 やまだ · محمد رضا",
)
FINE = (204, 196)
# Below the line that a fax machine prints across the top of what it sends.
TAG_LINE = 60

Enter = Callable[[FaxLine], None]


@pytest.fixture
def enter(monkeypatch: pytest.MonkeyPatch) -> Enter:
    """Let the driver find the programs of a line first."""

    def first(line: FaxLine) -> None:
        path = os.environ["PATH"]  # noqa: TID251 - the machine's own
        monkeypatch.setenv("PATH", f"{line.programs}:{path}")

    return first


def driver_of(line: FaxLine) -> HylafaxDriver:
    address = parse_fax_url(line.url)
    assert isinstance(address, HylafaxAddress)
    return HylafaxDriver(address)


def page() -> bytes:
    return draw_fax_page(PAGE, find_fonts(), now=datetime(2026, 11, 24, 20, 0, tzinfo=UTC))


def outcome(line: FaxLine, driver: HylafaxDriver, job: str, *, seconds: float = 180) -> FaxStatus:
    """Follow a job to its end."""
    end = time.monotonic() + seconds
    while not (status := driver.follow(job)).is_final:
        assert time.monotonic() < end, line.logs()
        time.sleep(0.5)
    return status


def test_page_comes_out_as_drawn_and_only_then_counts_as_received(
    tmp_path: Path, enter: Enter
) -> None:
    with running_fax_line() as line:
        enter(line)
        driver, pdf = driver_of(line), page()
        queued = driver.submit(FaxJob(NUMBER, pdf, key="key-1"))
        assert (queued.state, queued.job) == (FaxState.QUEUED, "1")
        line.wait_for_call()
        again = driver.submit(FaxJob(NUMBER, pdf, key="key-1"))
        assert (again.state, again.job) == (FaxState.CALLING, "1")
        received = outcome(line, driver, "1")
        assert received == FaxStatus(FaxState.RECEIVED, "1", pages=1), line.logs()
        assert driver.follow("2").words == "the fax server no longer knows this job"
        [(came_out, trouble)] = line.received(wait=True)
        assert trouble == ""
        compare(came_out, pdf, tmp_path)


def compare(came_out: Path, pdf: bytes, folder: Path) -> None:
    """Hold what came out against the page: one, in fine resolution, the same picture and code."""
    with Image.open(came_out) as tiff:
        assert (tiff.n_frames, tiff.width, tiff.info["dpi"]) == (1, 1728, FINE)  # type: ignore[attr-defined]
        got = tiff.convert("L")
    got.save(folder / "got.png")
    assert code_of(folder / "got.png") == PAGE.link
    drawn = rendered(pdf, folder)
    height = min(got.height, drawn.height)
    box = (0, TAG_LINE, 1728, height)
    got, drawn = got.crop(box), drawn.crop(box)
    assert ink(missing_from(got, drawn)) == 0
    assert ink(missing_from(drawn, got)) == 0


def rendered(pdf: bytes, folder: Path) -> Image.Image:
    """Render the page as a fax is: without greys, 1,728 dots along its 8.5 inches."""
    sent, out = folder / "sent.pdf", folder / "sent.png"
    sent.write_bytes(pdf)
    size = ("-sDEVICE=pngmono", "-r203.294x196", "-dFIXEDMEDIA", "-g1728x2156")
    command = ("gs", "-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", *size, f"-sOutputFile={out}", sent)
    subprocess.run(command, check=True)  # noqa: S603
    with Image.open(out) as png:
        return png.convert("L")


def missing_from(image: Image.Image, other: Image.Image) -> Image.Image:
    """Return the ink of `other` that has none of `image`'s within two dots: edges may differ."""
    spread = image.filter(ImageFilter.MinFilter(5))
    return ImageChops.lighter(ImageChops.invert(spread), other)


def ink(image: Image.Image) -> int:
    return image.histogram()[0]


@pytest.mark.soak
def test_a_line_that_nobody_answers_is_told(enter: Enter) -> None:
    with running_fax_line(End.SILENT) as line:
        enter(line)
        driver = driver_of(line)
        job = driver.submit(FaxJob(NUMBER, page(), key="key-1")).job
        status = outcome(line, driver, job)
        assert status == FaxStatus(FaxState.NO_ANSWER, "1", "No answer from remote")
        with pytest.raises(Troubled, match="nobody answered: No answer from remote"):
            status.raise_if_lost()


@pytest.mark.soak
def test_a_page_cut_in_its_middle_is_told_and_may_be_sent_anew(enter: Enter) -> None:
    with running_fax_line() as line:
        enter(line)
        driver = driver_of(line)
        job = driver.submit(FaxJob(NUMBER, page(), key="key-1")).job
        line.wait_for_page()
        line.hang_up_at_the_other_end()
        status = outcome(line, driver, job)
        assert (status.state, status.pages) == (FaxState.CUT_OFF, 0), line.logs()
        assert driver.submit(FaxJob(NUMBER, page(), key="key-1")).job == "2"


@pytest.mark.soak
def test_a_busy_line_is_told(enter: Enter) -> None:
    with running_fax_line(End.BUSY) as line:
        enter(line)
        driver = driver_of(line)
        job = driver.submit(FaxJob(NUMBER, page(), key="key-1")).job
        status = outcome(line, driver, job)
        assert status == FaxStatus(FaxState.BUSY, "1", "Busy signal detected"), line.logs()
