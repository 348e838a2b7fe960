"""Makes the head of a mail at half the cost: the library makes a new class for each header line."""

from email.headerregistry import BaseHeader, HeaderRegistry
from email.policy import EmailPolicy

# These say the same in each mail of a run, or one of a few things.
_REPEATED = frozenset(
    {"auto-submitted", "content-language", "content-transfer-encoding", "from", "mime-version"}
)
_MOST_KEPT = 100


class _KeptHeaders(HeaderRegistry):
    """The library's registry that keeps its classes, and the lines that come again and again."""

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


POLICY = EmailPolicy(header_factory=_KeptHeaders())
