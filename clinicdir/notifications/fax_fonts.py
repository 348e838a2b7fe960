"""The fonts of the fax page: where they lie, what each can draw, and which scripts none can."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
BASE_PACKAGE = "fonts-dejavu-core"
_PLAIN, _BOLD = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"
# In the order in which they are asked; the one that covers most comes first.
_OTHERS = ("wqy-microhei.ttc", "DroidSansFallbackFull.ttf", "AbyssinicaSIL-Regular.ttf")
# The languages that the site names, by a few of their characters, with Debian's package for each.
_SCRIPTS = (
    ("Latin with Vietnamese marks", "AzñễẬợỹ", BASE_PACKAGE),
    ("Cyrillic", "ЖдїґѢ", BASE_PACKAGE),
    ("Arabic", "محمدپژ", BASE_PACKAGE),
    ("Chinese", "漢語张", "fonts-droid-fallback"),
    ("Japanese", "かナ々", "fonts-droid-fallback"),
    ("Korean", "한글뷁", "fonts-wqy-microhei"),
    ("Ethiopic (Amharic)", "አማርኛ", "fonts-sil-abyssinica"),
)


@dataclass(frozen=True)
class Lack:
    """A script that no font draws, and the Debian package that would."""

    script: str
    package: str


@dataclass(frozen=True)
class Fonts:
    """The font files that were found; without `plain` and `bold` only Western letters are drawn."""

    plain: Path | None
    bold: Path | None
    others: tuple[Path, ...]

    @property
    def has_base(self) -> bool:
        """Say whether the two faces that every page uses are there."""
        return self.plain is not None and self.bold is not None

    @cached_property
    def base_covers(self) -> frozenset[int]:
        """Return the code points that both base faces draw."""
        if self.plain is None or self.bold is None:
            return frozenset(range(0x20, 0x7F)) | frozenset(range(0xA1, 0x100)) - {0xAD}
        return code_points(self.plain) & code_points(self.bold)

    def other_for(self, character: str) -> Path | None:
        """Return the further font that draws a character which the base does not."""
        if not self.has_base:
            return None
        return next((font for font in self.others if ord(character) in code_points(font)), None)

    def draws(self, character: str) -> bool:
        """Say whether the page can show this character."""
        return ord(character) in self.base_covers or self.other_for(character) is not None

    def lacks(self) -> list[Lack]:
        """Return the scripts of the site's languages that cannot be drawn."""
        return [
            Lack(script, package)
            for script, sample, package in _SCRIPTS
            if not all(self.draws(character) for character in sample)
        ]


@lru_cache(maxsize=8)
def find_fonts(folders: tuple[Path, ...] = FOLDERS) -> Fonts:
    """Return the fonts below these folders; of two files of one name the first folder's counts."""
    others = (_find(name, folders) for name in _OTHERS)
    return Fonts(
        plain=_find(_PLAIN, folders),
        bold=_find(_BOLD, folders),
        others=tuple(path for path in others if path is not None),
    )


@lru_cache(maxsize=16)
def code_points(font: Path) -> frozenset[int]:
    """Return what a font file draws; of a collection, its first face."""
    # Half a second and some megabytes, which only a site that sends faxes should spend.
    from fontTools.ttLib import TTFont  # noqa: PLC0415

    with TTFont(font, lazy=True, fontNumber=0) as opened:
        return frozenset(opened.getBestCmap())


def _find(name: str, folders: Iterable[Path]) -> Path | None:
    found = (path for folder in folders for path in sorted(folder.rglob(name)))
    return next(found, None)
