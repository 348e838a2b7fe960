"""The real parts that some tests need, and how to tell whether this machine has them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from clinicdir.notifications.fax_fonts import find_fonts
from tests.nginx import find_nginx
from tests.postgres import find_binaries

NOT_FOUND = "not found on this machine: "


def chromium() -> str | None:
    """Return the browser: $CHROMIUM, or Debian's or another Chromium on the path."""
    named = os.environ.get("CHROMIUM")  # noqa: TID251 - a setting of the tests
    names = ("chromium", "chromium-browser", "google-chrome")
    return named or next((found for name in names if (found := shutil.which(name))), None)


def html_checker() -> Path | None:
    """Return the Nu HTML checker that `npm ci --ignore-scripts` fetches, if Java is there too."""
    jar = Path(__file__).parent.parent / "node_modules/vnu-jar/build/dist/vnu.jar"
    return jar if jar.exists() and shutil.which("java") else None


def litestream() -> str | None:
    """Return Litestream: the one that `npm ci --ignore-scripts` fetches, or one on the path."""
    folder = Path(__file__).parent.parent / "node_modules/@flydotio/litestream-linux-x64"
    kept = folder / "litestream"
    return str(kept) if kept.exists() else shutil.which("litestream")


FAX_PAGE = (
    "the fax page's fonts and readers"
    " (Debian: fonts-dejavu-core fonts-droid-fallback poppler-utils zbar-tools)"
)
FAX_LINE = "HylaFAX and iaxmodem, as root (Debian: hylafax-server hylafax-client iaxmodem)"

NGINX = "nginx and openssl"


C_COMPILER = "a C compiler on Linux (Debian: gcc libc6-dev)"


def c_compiler() -> bool:
    """Say whether a library that stands between a program and the disk can be built here."""
    return sys.platform == "linux" and shutil.which("cc") is not None


def fax_page() -> bool:
    """Say whether a fax page can be drawn with all its fonts, and be read back."""
    found = find_fonts()
    programs = ("pdftotext", "pdftoppm", "zbarimg")
    return found.has_base and bool(found.others) and all(map(shutil.which, programs))


def fax_line() -> bool:
    """Say whether two soft modems can call each other here."""
    path = f"{os.environ.get('PATH')}:/usr/sbin:/sbin"  # noqa: TID251 - daemons lie there
    programs = (
        "iaxmodem", "faxq", "hfaxd", "faxgetty", "faxmodem", "sendfax", "faxstat", "gs",
        "unshare", "nsenter", "setpriv", "ip",
    )  # fmt: skip
    found = all(shutil.which(program, path=path) for program in programs)
    files = ("/dev/ptmx", "/etc/hylafax/setup.cache")
    return found and os.geteuid() == 0 and all(Path(file).exists() for file in files)


SMALL_DISK = "a small disk of its own (as root: mount -t tmpfs)"


@cache
def small_disk() -> bool:
    """Say whether a small file system can be put up and taken away here."""
    if os.geteuid() != 0:
        return False
    with TemporaryDirectory() as folder:
        mount = ["/bin/mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
        if subprocess.run(mount, check=False, capture_output=True).returncode != 0:  # noqa: S603
            return False
        subprocess.run(["/bin/umount", folder], check=True)  # noqa: S603 - our own arguments
        return True


PARTS: dict[str, Callable[[], object]] = {
    "PostgreSQL": find_binaries,
    NGINX: find_nginx,
    "Chromium": chromium,
    "the Nu HTML checker": html_checker,
    C_COMPILER: c_compiler,
    "Litestream": litestream,
    FAX_PAGE: fax_page,
    FAX_LINE: fax_line,
    SMALL_DISK: small_disk,
}
