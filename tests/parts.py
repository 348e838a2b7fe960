"""The real parts that some tests need, and how to tell whether this machine has them."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

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


PARTS: dict[str, Callable[[], object]] = {
    "PostgreSQL": find_binaries,
    "Chromium": chromium,
    "the Nu HTML checker": html_checker,
}
