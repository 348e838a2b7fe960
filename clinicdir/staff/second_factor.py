"""The second factor: codes of an authenticator app (TOTP, RFC 6238) and recovery codes."""

import base64
import hmac
import secrets
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import ColumnElement, and_, delete, func, select, update

from clinicdir.audit.operations import record
from clinicdir.audit.rules import Actor
from clinicdir.crypto import KEY_ID_BYTES
from clinicdir.db import db, key_ring
from clinicdir.errors import FieldError, Invalid, NotAllowed, marked
from clinicdir.staff.models import StaffFactor, StaffMember, StaffRecoveryCode
from clinicdir.staff.sessions import actor_of

DIGITS = 6
STEP_S = 30
SECRET_BYTES = 20
RECOVERY_CODES = 10
# Without 0 o 1 i l, which are misread; 10 symbols are some 49 bits, and each code counts once.
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
_RECOVERY_LENGTH = 10
_WRONG_CODE = FieldError("code", "wrong", marked("Enter the code that your app shows now"))


def find_factor(member: StaffMember, *, to_change: bool = False) -> StaffFactor | None:
    """Return a person's second factor, confirmed or not."""
    query = select(StaffFactor).where(StaffFactor.staff_id == member.id)
    if to_change:
        # Read anew under the lock: the code that it would else let pass may just have been used.
        query = query.with_for_update().execution_options(populate_existing=True)
    return db.session.scalar(query)


def has_factor(member: StaffMember) -> bool:
    """Say whether a person's sign-in asks for a second factor."""
    factor = find_factor(member)
    return factor is not None and factor.confirmed_at is not None


def start_factor(member: StaffMember, *, now: datetime) -> str:
    """Return a new secret for an app in base32; an earlier one that nobody confirmed is no more.

    Whoever saw that one and never confirmed it need not have been the person.
    """
    factor = find_factor(member, to_change=True)
    if factor is not None and factor.confirmed_at is not None:
        message = "There is a second factor already."
        raise NotAllowed(message)
    if factor is None:
        factor = StaffFactor(staff_id=member.id, made_at=now)
        db.session.add(factor)
    factor.made_at = now
    factor.seal({"secret": base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()})
    db.session.flush()
    return _secret(factor)


def secret_of(member: StaffMember) -> str | None:
    """Return the secret of a factor that waits for its first code; a confirmed one tells nobody."""
    factor = find_factor(member)
    return None if factor is None or factor.confirmed_at is not None else _secret(factor)


def confirm_factor(member: StaffMember, code: str, *, now: datetime) -> list[str]:
    """Turn the second factor on by its first right code; return the recovery codes, once."""
    factor = find_factor(member, to_change=True)
    if factor is None or factor.confirmed_at is not None:
        message = "Nothing waits for a first code."
        raise NotAllowed(message)
    if not _take_code(factor, code, now=now):
        raise Invalid(_WRONG_CODE)
    factor.confirmed_at = now
    record("factor_on", actor=actor_of(member), now=now, subject=member.email)
    return renew_recovery_codes(member, now=now)


def pass_factor(member: StaffMember, code: str, *, now: datetime) -> None:
    """Take a code of the app or a recovery code, each once; Invalid for any other."""
    factor = find_factor(member, to_change=True)
    if factor is None or factor.confirmed_at is None:
        message = "There is no second factor."
        raise NotAllowed(message)
    if _take_code(factor, code, now=now):
        return
    if _take_recovery_code(member, code, now=now):
        record("recovery_code", actor=actor_of(member), now=now, subject=member.email)
        return
    raise Invalid(_WRONG_CODE)


def renew_recovery_codes(member: StaffMember, *, now: datetime) -> list[str]:
    """Return ten new recovery codes; older ones end."""
    drawn = [
        "".join(secrets.choice(_ALPHABET) for _ in range(_RECOVERY_LENGTH))
        for _ in range(RECOVERY_CODES)
    ]
    db.session.execute(delete(StaffRecoveryCode).where(StaffRecoveryCode.staff_id == member.id))
    db.session.add_all(
        StaffRecoveryCode(staff_id=member.id, code_hash=_hashes(member, code)[0]) for code in drawn
    )
    record("recovery_codes", actor=actor_of(member), now=now, subject=member.email)
    return [f"{code[:5]}-{code[5:]}" for code in drawn]


def count_recovery_codes(member: StaffMember) -> int:
    """Return how many recovery codes are left."""
    query = select(StaffRecoveryCode.id).where(
        StaffRecoveryCode.staff_id == member.id, StaffRecoveryCode.used_at.is_(None)
    )
    return len(db.session.scalars(query).all())


def count_older_codes() -> int:
    """Return how many recovery codes that are left only an older key can check."""
    query = select(func.count(StaffRecoveryCode.id)).where(_by_older_key())
    return db.session.scalar(query) or 0


def end_older_codes() -> int:
    """End the recovery codes that only an older key can check; return how many."""
    query = delete(StaffRecoveryCode).where(_by_older_key()).returning(StaffRecoveryCode.id)
    return len(db.session.scalars(query).all())


def _by_older_key() -> ColumnElement[bool]:
    key_id = func.substr(StaffRecoveryCode.code_hash, 1, KEY_ID_BYTES)
    return and_(StaffRecoveryCode.used_at.is_(None), key_id != key_ring().newest_id)


def remove_factor(member: StaffMember, *, actor: Actor, now: datetime) -> None:
    """Take the second factor away: the app is lost, or its person wants another."""
    db.session.execute(delete(StaffRecoveryCode).where(StaffRecoveryCode.staff_id == member.id))
    db.session.execute(delete(StaffFactor).where(StaffFactor.staff_id == member.id))
    record("factor_off", actor=actor, now=now, subject=member.email)


def app_link(member: StaffMember, secret: str, issuer: str) -> str:
    """Return the otpauth link that an app reads from a QR code."""
    return _totp(secret).get_provisioning_uri(member.email, issuer or None)


def code_at(secret: str, now: datetime) -> str:
    """Return the code that an app shows at an instant."""
    return _totp(secret).generate(int(now.timestamp())).decode()


def _take_code(factor: StaffFactor, typed: str, *, now: datetime) -> bool:
    """Say whether a code fits, one step early or late at most, and let it count only once."""
    code = typed.replace(" ", "")
    totp = _totp(_secret(factor))
    present = int(now.timestamp()) // STEP_S
    fitting = [
        step
        for step in (present - 1, present, present + 1)
        if hmac.compare_digest(totp.generate(step * STEP_S), code.encode())
        and step > factor.last_step
    ]
    if fitting:
        factor.last_step = fitting[-1]
    return bool(fitting)


def _take_recovery_code(member: StaffMember, typed: str, *, now: datetime) -> bool:
    code = "".join(symbol for symbol in typed.casefold() if symbol in _ALPHABET)
    used = db.session.scalar(
        update(StaffRecoveryCode)
        .where(
            StaffRecoveryCode.staff_id == member.id,
            StaffRecoveryCode.used_at.is_(None),
            StaffRecoveryCode.code_hash.in_(_hashes(member, code)),
        )
        .values(used_at=now)
        .returning(StaffRecoveryCode.id)
    )
    return used is not None


def _secret(factor: StaffFactor) -> str:
    secret: str = factor.unseal()["secret"]
    return secret


def _hashes(member: StaffMember, code: str) -> list[bytes]:
    """Return a code's hash by each key, the newest first, behind the name of that key."""
    ring, text = key_ring(), f"{member.id} {code}"
    hashes = ring.fingerprints("recovery_code", text)
    return [key_id + one for key_id, one in zip(ring.ordered_ids, hashes, strict=True)] + hashes


def _totp(secret: str) -> TOTP:
    # SHA-1 is what every app speaks; its use here is as a keyed hash, for which it is sound.
    return TOTP(base64.b32decode(secret), DIGITS, SHA1(), STEP_S)  # noqa: S303
