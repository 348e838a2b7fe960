"""Files that are no whole backup are refused with a sentence, and the target stays empty."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from clinicdir.backup.sealed_file import HEADER_BYTES, PIECE_BYTES, TAG_BYTES
from clinicdir.crypto import KeyRing, new_key
from tests.conftest import KEY
from tests.integration.test_backup import beside, is_empty, names_in, run
from tests.make import make_request

__all__ = ["beside"]  # the fixture

STEP = PIECE_BYTES + TAG_BYTES
NO_BACKUP = (
    "This is no backup that `flask backup create` wrote, or its beginning was changed. Check the"
    " file's name; take another copy of it.\n"
)
UNKNOWN_FORM = (
    "This backup has a form that this release does not know. Use the release of clinicdir that made"
    " it, or a newer one.\n"
)
DAMAGED = re.compile(
    r"This backup is damaged after byte (\d+): it was cut short, or changed since it was made\."
    r" Nothing of it was used\. Take another copy of it, or an older backup\.\n"
)
OTHER_KEY = re.compile(
    r"This backup was sealed for the key [0-9a-f]{8}, and the keys at hand are [0-9a-f]{8}\. Name"
    r" the file that `flask keys export` wrote on the machine of the backup, with --keys FILE\.\n"
)


@pytest.fixture
def two(app: Flask, tmp_path: Path) -> tuple[bytes, bytes]:
    """Return two backups of one site, the second with one request more."""
    made = []
    for name in ("a", "b"):
        with app.app_context():
            make_request(app)
        assert run(app, "backup", "create", tmp_path / name)[0] == 0
        made.append((tmp_path / name).read_bytes())
    return made[0], made[1]


@pytest.fixture
def restoring(beside: Callable[..., Flask], tmp_path: Path) -> Callable[[bytes], str]:
    """Return what tries to restore some bytes, and gives the refusal; nothing may have changed."""
    other, file = beside(), tmp_path / "tried.backup"

    def restore(content: bytes) -> str:
        file.write_bytes(content)
        code, told = run(other, "backup", "restore", file)
        assert code == 1
        assert names_in(tmp_path / "beside0") == [".backup.lock"]
        assert is_empty(other)
        return told

    return restore


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)  # what seals is the same for both
def test_file_that_was_cut_anywhere_is_refused(
    two: tuple[bytes, bytes], restoring: Callable[[bytes], str]
) -> None:
    whole = two[0]
    edges = range(HEADER_BYTES, len(whole), STEP)
    near = {edge + by for edge in edges for by in (-1, 0, 1, TAG_BYTES, TAG_BYTES + 1)}
    lengths = sorted(near | {0, 1, 15, 16, 17, 21, len(whole) - TAG_BYTES, len(whole) - 1})
    assert len(lengths) >= 15
    for length in (one for one in lengths if one < len(whole)):
        told = restoring(whole[:length])
        if length < HEADER_BYTES:
            assert told == NO_BACKUP, length
        else:
            found = DAMAGED.fullmatch(told)
            assert found is not None, (length, told)
            assert int(found[1]) <= length


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)  # what seals is the same for both
def test_file_with_one_bit_changed_is_refused(
    two: tuple[bytes, bytes], restoring: Callable[[bytes], str]
) -> None:
    whole = two[0]
    every = len(whole) // 12
    places = [*range(0, HEADER_BYTES, 3), 16, 20, *range(HEADER_BYTES, len(whole), every)]
    for place in places:
        told = restoring(whole[:place] + bytes([whole[place] ^ 64]) + whole[place + 1 :])
        if place < 16:
            assert told == NO_BACKUP, place
        elif place == 16:
            assert told == UNKNOWN_FORM
        elif place < 21:
            assert OTHER_KEY.fullmatch(told), place
        else:
            found = DAMAGED.fullmatch(told)
            assert found is not None, (place, told)
            inside = max(place - HEADER_BYTES, 0) // STEP
            assert int(found[1]) == HEADER_BYTES + inside * STEP


def test_parts_of_two_backups_do_not_make_one(
    two: tuple[bytes, bytes], restoring: Callable[[bytes], str]
) -> None:
    first, second = two
    header, piece = slice(0, HEADER_BYTES), slice(HEADER_BYTES, HEADER_BYTES + STEP)
    rest = slice(HEADER_BYTES + STEP, None)
    for mixed, after in (
        (first[header] + second[HEADER_BYTES:], HEADER_BYTES),
        (first[header] + second[piece] + first[rest], HEADER_BYTES),  # the other's manifest
        (first[header] + first[piece] + second[rest], HEADER_BYTES + STEP),
        (first[header] + first[piece] * 2 + first[rest], HEADER_BYTES + STEP),
    ):
        found = DAMAGED.fullmatch(restoring(mixed))
        assert found is not None
        assert int(found[1]) == after
    last = HEADER_BYTES + (len(first) - HEADER_BYTES) // STEP * STEP
    for longer in (first + second, first + first, first + b"\0", first + first[rest]):
        found = DAMAGED.fullmatch(restoring(longer))
        assert found is not None
        assert int(found[1]) == last


def test_keys_of_another_site_open_nothing(
    app: Flask, beside: Callable[..., Flask], two: tuple[bytes, bytes], tmp_path: Path
) -> None:
    other, strange, mine = beside(encryption_keys=()), new_key(), tmp_path / "a"
    kept = tmp_path / "strange.keys"
    for text in (strange, f"{strange}\n{new_key()}"):
        kept.write_text(f"{text}\n")
        code, told = run(other, "backup", "restore", mine, "--keys", kept)
        named = ", ".join(sorted(KeyRing([one]).newest_id.hex() for one in text.split()))
        assert (
            code,
            f"key {KeyRing([KEY]).newest_id.hex()}, and the keys at hand are {named}." in told,
        ) == (1, True)
    # What looks like a file of keys and is none: halves of one, two in one line, another's words.
    for text in ("", KEY[:20], KEY + strange, "-----BEGIN PRIVATE KEY-----", "\0" * 40):
        kept.write_text(text)
        assert run(other, "backup", "restore", mine, "--keys", kept) == (
            1,
            (
                f"{kept} is no file of keys. Name the one that `flask keys export FILE` wrote: one"
                " key a line, the newest first.\n"
            ),
        )
    assert is_empty(other)
