"""Makes the head of a mail at a third of the cost: lines that come again and again are kept."""

from email.headerregistry import BaseHeader, HeaderRegistry
from email.policy import EmailPolicy

# These say the same in each mail of a run, or one of a few things.
_REPEATED = frozenset(
    {
        "auto-submitted",
        "content-language",
        "content-transfer-encoding",
        "content-type",
        "from",
        "mime-version",
    }
)
_MOST_KEPT = 100


class _KeptHeaders(HeaderRegistry):
    """The library's registry, which makes a class for each line; this one keeps both."""

    def __init__(self) -> None:
        super().__init__()
        self._classes: dict[str, type[BaseHeader]] = {}
        self._lines: dict[tuple[str, str], BaseHeader] = {}

    def __getitem__(self, name: str) -> type[BaseHeader]:
        known = name.lower()
        found = self._classes.get(known)
        if found is None:
            found = super().__getitem__(name)
            if len(self._classes) < _MOST_KEPT:
                self._classes[known] = found
        return found

    def __call__(self, name: str, value: str) -> BaseHeader:
        if name.lower() not in _REPEATED:
            return super().__call__(name, value)
        key = (name, str(value))
        found = self._lines.get(key)
        if found is None:
            found = super().__call__(name, value)
            if len(self._lines) < _MOST_KEPT:
                self._lines[key] = found
        return found


class _KeptPolicy(EmailPolicy):
    """The library's policy, which folds each of those lines once."""

    def fold_binary(self, name: str, value: str) -> bytes:
        if name.lower() not in _REPEATED:
            return super().fold_binary(name, value)
        key = (name, value, self.utf8, self.linesep, self.max_line_length)
        found = _folded.get(key)
        if found is None:
            found = super().fold_binary(name, value)
            if len(_folded) < _MOST_KEPT:
                _folded[key] = found
        return found


_folded: dict[tuple[object, ...], bytes] = {}
_headers = _KeptHeaders()
POLICY = EmailPolicy(header_factory=_headers)
# As mails go over the line; the second where an address is in another script.
OVER_THE_LINE = _KeptPolicy(header_factory=_headers, linesep="\r\n")
OVER_THE_LINE_UTF8 = _KeptPolicy(header_factory=_headers, linesep="\r\n", utf8=True)
