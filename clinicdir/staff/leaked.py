"""Knows passwords that have leaked elsewhere and are long enough to pass the rule of length."""

from functools import cache
from hashlib import sha256
from pathlib import Path

# Marks of 9,700 passwords; docs/operate.md says of which list, tools/ holds the script.
PASSWORDS = Path(__file__).parent / "data" / "leaked_passwords.bin"
# Of 8 bytes of a hash two are alike by chance once in 10^15 tries; and the words are not in a file.
_MARK_BYTES = 8


def mark_of(password: str) -> bytes:
    """Return what stands for a password in the file, however its letters are written."""
    return sha256(password.strip().casefold().encode()).digest()[:_MARK_BYTES]


def has_leaked(password: str) -> bool:
    """Say whether a password is on the list."""
    return mark_of(password) in _marks()


@cache
def _marks() -> frozenset[bytes]:
    data = PASSWORDS.read_bytes()
    return frozenset(
        data[start : start + _MARK_BYTES] for start in range(0, len(data), _MARK_BYTES)
    )
