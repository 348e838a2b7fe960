"""A file sealed piece by piece, in constant memory, so that no change of it goes unseen.

The scheme is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance", eprint.iacr.org/2015/189) with the sizes of the format age (C2SP,
age.md): pieces of 64 KiB, each with a nonce of its number (11 bytes) and a byte that is 1 in the
last piece only. So a piece that is missing, repeated, exchanged or changed does not open, and
neither does a file that ends early. age's cipher is ChaCha20-Poly1305; this is AES-256-GCM, as in
the database. The key is made anew for each file from a random salt, so no nonce is used twice; the
header goes into every piece as associated data.
"""

import os
from collections.abc import Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from clinicdir.backup.refusals import BackupRefused
from clinicdir.crypto import KeyRing

_MAGIC = b"clinicdir backup"
_VERSION = 1
_KEY_ID_BYTES = 4
_SALT_BYTES = 16
HEADER_BYTES = len(_MAGIC) + 1 + _KEY_ID_BYTES + _SALT_BYTES
PIECE_BYTES = 64 * 1024
TAG_BYTES = 16
_LENGTH_BYTES = 4


class Sealer:
    """Writes a sealed file: `write` any number of times, then `finish` once."""

    def __init__(self, file: BinaryIO, ring: KeyRing) -> None:
        """Write the header; the file is sealed for the newest key of the ring."""
        salt = os.urandom(_SALT_BYTES)
        self._header = _MAGIC + bytes([_VERSION]) + ring.newest_id + salt
        self._cipher = AESGCM(ring.backup_key(salt, key_id=ring.newest_id))
        self._file, self._waiting, self._count = file, bytearray(), 0
        file.write(self._header)

    def write(self, data: bytes) -> None:
        """Seal all but the end of what was given: only `finish` knows which piece is the last."""
        self._waiting += data
        while len(self._waiting) > PIECE_BYTES:
            self._seal(bytes(self._waiting[:PIECE_BYTES]), is_last=False)
            del self._waiting[:PIECE_BYTES]

    def write_part(self, part: bytes) -> None:
        """Write a part that `Opener.read_part` finds again by its length."""
        self.write(len(part).to_bytes(_LENGTH_BYTES) + part)

    def finish(self) -> None:
        """Seal the last piece, which says that it is the last."""
        self._seal(bytes(self._waiting), is_last=True)

    def _seal(self, piece: bytes, *, is_last: bool) -> None:
        nonce = _nonce(self._count, is_last=is_last)
        self._file.write(self._cipher.encrypt(nonce, piece, self._header))
        self._count += 1


class Opener:
    """Reads a sealed file from its start; raises BackupRefused at the first piece that is off."""

    def __init__(self, file: BinaryIO, ring: KeyRing) -> None:
        """Read the header and find the key that it names."""
        self._header = file.read(HEADER_BYTES)
        key_id = key_id_of(self._header)
        if key_id not in ring.ids:
            raise BackupRefused(
                f"This backup was sealed for the key {key_id.hex()}, and the keys at hand are"
                f" {', '.join(sorted(one.hex() for one in ring.ids))}. Name the file that"
                " `flask keys export` wrote on the machine of the backup, with --keys FILE."
            )
        salt = self._header[-_SALT_BYTES:]
        self._cipher = AESGCM(ring.backup_key(salt, key_id=key_id))
        self._pieces = self._opened(file)
        self._waiting = b""

    def read_part(self) -> bytes:
        """Return the part that `write_part` wrote here."""
        length = int.from_bytes(self._read(_LENGTH_BYTES))
        return self._read(length)

    def rest(self) -> Iterator[bytes]:
        """Yield everything that is left; the file is whole when this ends without a refusal."""
        yield self._waiting
        yield from self._pieces

    def _read(self, count: int) -> bytes:
        while len(self._waiting) < count:
            self._waiting += next(self._pieces)
        found, self._waiting = self._waiting[:count], self._waiting[count:]
        return found

    def _opened(self, file: BinaryIO) -> Iterator[bytes]:
        sealed, number = file.read(PIECE_BYTES + TAG_BYTES), 0
        is_last = False
        while not is_last:
            following = file.read(PIECE_BYTES + TAG_BYTES)
            is_last = not following
            try:
                nonce = _nonce(number, is_last=is_last)
                yield self._cipher.decrypt(nonce, sealed, self._header)
            except (InvalidTag, ValueError):  # ValueError where less than a tag is left
                position = HEADER_BYTES + number * (PIECE_BYTES + TAG_BYTES)
                raise BackupRefused(
                    f"This backup is damaged after byte {position}: it was cut short, or changed"
                    " since it was made. Nothing of it was used. Take another copy of it, or an"
                    " older backup."
                ) from None
            sealed, number = following, number + 1


def key_id_of(header: bytes) -> bytes:
    """Return the name of the key that a file with this header was sealed for."""
    if len(header) < HEADER_BYTES or not header.startswith(_MAGIC):
        raise BackupRefused(
            "This is no backup that `flask backup create` wrote, or its beginning was changed."
            " Check the file's name; take another copy of it."
        )
    if header[len(_MAGIC)] != _VERSION:
        raise BackupRefused(
            "This backup has a form that this release does not know. Use the release of clinicdir"
            " that made it, or a newer one."
        )
    return header[len(_MAGIC) + 1 :][:_KEY_ID_BYTES]


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11) + bytes([is_last])
