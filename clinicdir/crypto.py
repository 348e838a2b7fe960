"""Seals personal data and makes the keyed hashes by which it is found again."""

import base64
import binascii
import hashlib
import hmac
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
ROW_KEY_BYTES = 16
KEY_ID_BYTES = 4
_NONCE_BYTES = 12


class CannotOpen(Exception):  # noqa: N818 - reads as a word
    """The sealed value was changed, moved to another row, or its key is not in the ring."""


def new_key() -> str:
    """Return a fresh master key as the text that `CLINICDIR_ENCRYPTION_KEYS` takes."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()


def new_row_key() -> bytes:
    """Return the random bytes that bind a sealed value to its row, known before the insert."""
    return os.urandom(ROW_KEY_BYTES)


class _Key:
    """One master key and the four keys derived from it, so that no key has two uses."""

    def __init__(self, text: str) -> None:
        try:
            # Strictly: two keys without a comma between them would else count as the first one.
            master = base64.b64decode(text.strip(), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            master = b""
        if len(master) != KEY_BYTES:
            message = f"An encryption key must be {KEY_BYTES} bytes in URL-safe base64."
            raise ValueError(message)
        self.id = hashlib.sha256(b"clinicdir key id" + master).digest()[:KEY_ID_BYTES]
        self.seal = AESGCM(_derive(master, b"seal"))
        self.index = _derive(master, b"index")
        self.link = _derive(master, b"link")
        self.backup = _derive(master, b"backup")


def _derive(master: bytes, purpose: bytes) -> bytes:
    info = b"clinicdir " + purpose
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(master)


class KeyRing:
    """All master keys, newest first: the first one seals, every one opens."""

    def __init__(self, keys: Iterable[str]) -> None:
        """Take the keys as text; a malformed key or an empty ring is a ValueError."""
        self._keys = [_Key(text) for text in keys]
        if not self._keys:
            message = "At least one encryption key is needed."
            raise ValueError(message)
        self._by_id = {key.id: key for key in self._keys}

    def present(self) -> "KeyRing":
        """Return the ring in force: this one, unless it is kept in a file that has changed."""
        return self

    @property
    def newest_id(self) -> bytes:
        """Return the id of the key that seals now, to be stored beside what it made."""
        return self._keys[0].id

    @property
    def ordered_ids(self) -> list[bytes]:
        """Return the id of each key, the newest first."""
        return [key.id for key in self._keys]

    @property
    def ids(self) -> frozenset[bytes]:
        """Return the id of each key in the ring."""
        return frozenset(self._by_id)

    def backup_key(self, salt: bytes, *, key_id: bytes) -> bytes:
        """Return the key of one backup file, from its salt and the key of that id."""
        info = b"clinicdir backup file"
        secret = self._by_id[key_id].backup
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=info).derive(secret)

    def seal(self, plain: bytes, *, context: bytes) -> bytes:
        """Encrypt by AES-256-GCM; `context` (table and row key) must be given again to open."""
        key, nonce = self._keys[0], os.urandom(_NONCE_BYTES)
        return key.id + nonce + key.seal.encrypt(nonce, plain, context)

    def seals(self, sealed: bytes) -> bool:
        """Say whether a value was sealed by the newest key."""
        return sealed[:KEY_ID_BYTES] == self.newest_id

    def open(self, sealed: bytes, *, context: bytes) -> bytes:
        """Decrypt what `seal` made, or raise CannotOpen."""
        key = self._by_id.get(sealed[:KEY_ID_BYTES])
        if key is None:
            message = "The key that sealed this value is not in CLINICDIR_ENCRYPTION_KEYS."
            raise CannotOpen(message)
        nonce = sealed[KEY_ID_BYTES : KEY_ID_BYTES + _NONCE_BYTES]
        try:
            return key.seal.decrypt(nonce, sealed[KEY_ID_BYTES + _NONCE_BYTES :], context)
        except (InvalidTag, ValueError):  # ValueError where it was cut short
            message = "A sealed value does not belong to its row, or it was changed."
            raise CannotOpen(message) from None

    def fingerprint(self, purpose: str, value: str) -> bytes:
        """Return the keyed hash under which `value` is stored in an index column."""
        return _hash(self._keys[0].index, purpose, value)

    def fingerprints(self, purpose: str, value: str) -> list[bytes]:
        """Return the keyed hash under each key, to find rows stored before a rotation."""
        return [_hash(key.index, purpose, value) for key in self._keys]

    def link_token(self, row_key: bytes, version: int, *, key_id: bytes | None = None) -> str:
        """Return the unguessable part of a patient's link, the same each time it is asked for."""
        key = self._by_id.get(key_id or self.newest_id)
        if key is None:
            message = "The key that made this link is not in CLINICDIR_ENCRYPTION_KEYS."
            raise CannotOpen(message)
        digest = hmac.digest(key.link, row_key + version.to_bytes(4), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class FileKeyRing(KeyRing):
    """The ring of a file, one key a line; a process takes up a change without a restart."""

    def __init__(self, path: Path) -> None:
        """Read the file; a malformed key or an empty file is a ValueError."""
        self.path, self._stamp = path, _stamp_of(path)
        texts = path.read_text(encoding="ascii").split()
        super().__init__(texts)
        self._ring = KeyRing(texts)

    def present(self) -> KeyRing:
        """Return what the file holds now, or held last where it cannot be read."""
        try:
            stamp = _stamp_of(self.path)
            if stamp != self._stamp:
                # The stamp first: what comes in between is then read at the next call.
                self._ring = KeyRing(self.path.read_text(encoding="ascii").split())
                self._stamp = stamp
        except (OSError, ValueError):
            return self._ring
        return self._ring


def _stamp_of(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def _hash(key: bytes, purpose: str, value: str) -> bytes:
    return hmac.digest(key, f"{purpose}\0{value}".encode(), "sha256")


def dump_sealed(personal: dict[str, Any]) -> bytes:
    """Return personal fields as the bytes that are sealed."""
    return json.dumps(personal, ensure_ascii=False, separators=(",", ":")).encode()


def load_sealed(plain: bytes) -> dict[str, Any]:
    """Read what `dump_sealed` wrote."""
    read: dict[str, Any] = json.loads(plain)
    return read


def token_hash(token: str) -> bytes:
    """Return what is stored of a random token; its 256 bits need no key against guessing."""
    return hashlib.sha256(token.encode()).digest()
