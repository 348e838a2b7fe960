"""A sealed file gives back what was written, or nothing that was changed."""

import io
from itertools import pairwise

import pytest

from clinicdir.backup.refusals import BackupRefused
from clinicdir.backup.sealed_file import HEADER_BYTES, PIECE_BYTES, TAG_BYTES, Opener, Sealer
from clinicdir.crypto import KeyRing, new_key

RING = KeyRing([new_key(), new_key()])
STEP = PIECE_BYTES + TAG_BYTES
BODY = b"".join(number.to_bytes(4) for number in range(3 * PIECE_BYTES // 4)) + b"the end"


def sealed(body: bytes, ring: KeyRing = RING) -> bytes:
    file = io.BytesIO()
    sealer = Sealer(file, ring)
    sealer.write_part(b"manifest")
    for start in range(0, len(body), 50_000):
        sealer.write(body[start : start + 50_000])
    sealer.finish()
    return file.getvalue()


def opened(data: bytes, ring: KeyRing = RING) -> bytes:
    opener = Opener(io.BytesIO(data), ring)
    assert opener.read_part() == b"manifest"
    return b"".join(opener.rest())


def refusal(data: bytes) -> str:
    with pytest.raises(BackupRefused) as caught:
        opened(data)
    return str(caught.value)


def damaged(after: int) -> str:
    return (
        f"This backup is damaged after byte {after}: it was cut short, or changed since it was"
        " made. Nothing of it was used. Take another copy of it, or an older backup."
    )


NO_BACKUP = (
    "This is no backup that `flask backup create` wrote, or its beginning was changed."
    " Check the file's name; take another copy of it."
)


@pytest.mark.parametrize(
    "size", [0, 1, PIECE_BYTES - 13, PIECE_BYTES - 12, PIECE_BYTES - 11, len(BODY)]
)
def test_gives_back_what_was_written(size: int) -> None:
    data = sealed(BODY[:size])
    assert opened(data) == BODY[:size]
    assert b"manifest" not in data


def test_key_may_be_any_of_the_ring() -> None:
    old = new_key()
    data = sealed(b"older", KeyRing([old]))
    assert opened(data, KeyRing([new_key(), old])) == b"older"


def test_every_single_bit_counts() -> None:
    data = sealed(b"short")
    words = [
        refusal(data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :])
        for at in range(len(data))
        for bit in range(8)
    ]
    assert words[: 16 * 8] == [NO_BACKUP] * 128
    assert {text.partition(",")[0] for text in words[16 * 8 : 17 * 8]} == {
        (
            "This backup has a form that this release does not know. Use the release of clinicdir"
            " that made it"
        )
    }
    named = [
        text.split(",")[0].removeprefix("This backup was sealed for the key ") for text in words
    ]
    flipped = [
        (int.from_bytes(RING.newest_id) ^ (1 << (24 - 8 * at + bit))).to_bytes(4).hex()
        for at in range(4)
        for bit in range(8)
    ]
    assert named[17 * 8 : 21 * 8] == flipped
    assert words[21 * 8 :] == [damaged(HEADER_BYTES)] * ((len(data) - 21) * 8)


def test_file_cut_anywhere_is_refused() -> None:
    data = sealed(BODY)
    starts = [HEADER_BYTES + number * STEP for number in range(4)]
    cuts = {0: NO_BACKUP, HEADER_BYTES - 1: NO_BACKUP, HEADER_BYTES: damaged(HEADER_BYTES)}
    for start, end in pairwise([*starts, len(data)]):
        cuts |= {cut: damaged(start) for cut in (start + 1, start + 16, start + 17, end - 1)}
    # Cut between two pieces: the one before does not say that it is the last.
    cuts |= {start: damaged(start - STEP) for start in starts[1:]}
    assert {cut: refusal(data[:cut]) for cut in cuts} == cuts


def test_pieces_may_not_be_exchanged_repeated_left_out_or_added() -> None:
    data = sealed(BODY)
    header, rest = data[:HEADER_BYTES], data[HEADER_BYTES:]
    first, second, third, last = (rest[at * STEP : (at + 1) * STEP] for at in range(4))
    other = sealed(BODY)[HEADER_BYTES:]
    assert refusal(header + second + first + third + last) == damaged(HEADER_BYTES)
    assert refusal(header + first + third + second + last) == damaged(HEADER_BYTES + STEP)
    assert refusal(header + first + first + second + third + last) == damaged(HEADER_BYTES + STEP)
    assert refusal(header + first + third + last) == damaged(HEADER_BYTES + STEP)
    assert refusal(header + first + other[STEP:]) == damaged(HEADER_BYTES + STEP)
    assert refusal(data + b"x") == damaged(HEADER_BYTES + 3 * STEP)
    assert refusal(data + last) == damaged(HEADER_BYTES + 3 * STEP)


def test_same_content_never_looks_the_same() -> None:
    one, other = sealed(BODY), sealed(BODY)
    assert one[17:21] == other[17:21] == RING.newest_id
    assert all(
        one[at : at + 32] != other[at : at + 32] for at in range(HEADER_BYTES, len(one) - 32, STEP)
    )
