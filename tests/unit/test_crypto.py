import base64

import pytest

from clinicdir.crypto import CannotOpen, KeyRing, new_key, new_row_key, token_hash

OLD, NEW = new_key(), new_key()
PLAIN = b'{"patient_name":"Robin Example"}'


def test_sealed_value_opens_with_its_context_only() -> None:
    ring = KeyRing([NEW])
    sealed = ring.seal(PLAIN, context=b"request|row 1")
    assert ring.open(sealed, context=b"request|row 1") == PLAIN
    for context in (b"request|row 2", b"draft|row 1", b""):
        with pytest.raises(CannotOpen, match="does not belong to its row"):
            ring.open(sealed, context=context)


def test_same_text_is_sealed_differently_each_time() -> None:
    ring = KeyRing([NEW])
    sealed = {ring.seal(PLAIN, context=b"row") for _ in range(20)}
    assert len(sealed) == 20
    assert not any(PLAIN in value or b"Robin" in value for value in sealed)


def test_every_changed_byte_is_noticed() -> None:
    ring = KeyRing([NEW])
    sealed = ring.seal(PLAIN, context=b"row")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(CannotOpen):
            ring.open(bytes(changed), context=b"row")


def test_value_cut_short_anywhere_cannot_be_opened() -> None:
    ring = KeyRing([NEW])
    sealed = ring.seal(PLAIN, context=b"row")
    for length in range(len(sealed)):
        with pytest.raises(CannotOpen):
            ring.open(sealed[:length], context=b"row")


def test_old_key_in_second_place_still_opens_finds_and_links() -> None:
    before, after = KeyRing([OLD]), KeyRing([NEW, OLD])
    row_key = new_row_key()
    sealed = before.seal(PLAIN, context=b"row")
    assert after.open(sealed, context=b"row") == PLAIN
    found_by = before.fingerprint("phone", "+12065550123")
    assert after.fingerprints("phone", "+12065550123") == [
        after.fingerprint("phone", "+12065550123"),
        found_by,
    ]
    assert after.link_token(row_key, 1, key_id=before.newest_id) == before.link_token(row_key, 1)


def test_first_key_seals_and_hashes() -> None:
    ring, alone = KeyRing([NEW, OLD]), KeyRing([NEW])
    assert ring.newest_id == alone.newest_id
    assert alone.open(ring.seal(PLAIN, context=b"row"), context=b"row") == PLAIN
    assert ring.fingerprint("email", "a@example.com") == alone.fingerprint("email", "a@example.com")


def test_key_that_left_the_ring_is_named_as_the_trouble() -> None:
    before, after = KeyRing([OLD]), KeyRing([NEW])
    with pytest.raises(CannotOpen, match="not in CLINICDIR_ENCRYPTION_KEYS"):
        after.open(before.seal(PLAIN, context=b"row"), context=b"row")
    with pytest.raises(CannotOpen, match="not in CLINICDIR_ENCRYPTION_KEYS"):
        after.link_token(new_row_key(), 1, key_id=before.newest_id)


def test_link_is_the_same_at_every_call_and_new_with_each_version_and_row() -> None:
    ring, row_key = KeyRing([NEW]), new_row_key()
    tokens = [ring.link_token(row_key, version) for version in (1, 1, 2)]
    assert tokens[0] == tokens[1]
    assert len({*tokens, ring.link_token(new_row_key(), 1)}) == 3
    assert all(len(token) == 43 and "=" not in token for token in tokens)  # 256 bits
    assert len(token_hash(tokens[0])) == 32


def test_purposes_give_different_hashes_of_one_value() -> None:
    ring = KeyRing([NEW])
    assert ring.fingerprint("phone", "0123") != ring.fingerprint("phone_last4", "0123")
    # The purpose cannot run over into the value.
    assert ring.fingerprint("a", "b\0c") != ring.fingerprint("a\0b", "d")
    assert ring.fingerprint("name_word", "robin") != KeyRing([OLD]).fingerprint(
        "name_word", "robin"
    )


@pytest.mark.parametrize(
    "text",
    ["", "short", "not base64!", NEW[:-5], "ключ", NEW + NEW],
    ids=["empty", "short", "not base64", "cut", "not ASCII", "twice"],
)
def test_malformed_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be 32 bytes in URL-safe base64"):
        KeyRing([text])


def test_ring_without_keys_is_refused() -> None:
    with pytest.raises(ValueError, match="At least one encryption key is needed"):
        KeyRing([])


# Made by the first release, with the bytes 0 to 31 as its key: what was stored must stay readable,
# findable, and under the same link, whatever is changed here.
FIRST_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
FIRST_ROW = bytes(range(16))
FIRST_SEALED = bytes.fromhex(
    "21c00eae81537ea89c691800de46f9d780e3343192497d5b0b56c7b32d655423"
    "b6074045e6b651432712edab2cf055307ef870c8ef03f4d92e72b5b5a47c7b6e"
)


def test_what_the_first_release_stored_is_read_found_and_linked_as_ever() -> None:
    ring = KeyRing([FIRST_KEY])
    assert ring.newest_id.hex() == "21c00eae"
    assert ring.ids == {ring.newest_id}
    assert ring.open(FIRST_SEALED, context=b"request|row") == PLAIN
    assert ring.fingerprint("phone", "+12065550123").hex() == (
        "f74d7f987d97e6a50f81a30ef1342a01f71af86e473c640377532dc68d84e582"
    )
    assert ring.link_token(FIRST_ROW, 1) == "RXgpn_GRUogP5rqUNlBGXHi7FWkTcXMxNqRSFizAMKc"
    assert ring.backup_key(b"salt", key_id=ring.newest_id).hex() == (
        "50df1fa6d8e8411ce506ca221085b43b6f436da9612cefc62b9a042c684c9bb3"
    )
    assert token_hash("token").hex() == (
        "3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0"
    )


def test_sealed_value_is_key_id_nonce_text_and_tag_and_nothing_else() -> None:
    ring = KeyRing([NEW])
    sealed = ring.seal(PLAIN, context=b"row")
    assert sealed[:4] == ring.newest_id
    assert len(sealed) == 4 + 12 + len(PLAIN) + 16
    assert len(new_row_key()) == 16


def test_value_and_link_of_an_unknown_key_are_refused_with_their_reason() -> None:
    ring = KeyRing([NEW])
    with pytest.raises(CannotOpen, match="not in CLINICDIR_ENCRYPTION_KEYS"):
        ring.open(b"", context=b"row")
    with pytest.raises(KeyError):
        ring.backup_key(b"salt", key_id=b"none")
