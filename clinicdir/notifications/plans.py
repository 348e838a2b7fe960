"""By which channels a clinic is told, and what stands in for one that fails."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy import Table, or_, select, update

from clinicdir.audit.operations import record
from clinicdir.audit.rules import Actor, location_chain
from clinicdir.db import db
from clinicdir.errors import NotAllowed
from clinicdir.locations.models import Location
from clinicdir.locations.rules import TelecomSystem
from clinicdir.notifications.channels import NoAddress
from clinicdir.notifications.models import NoticeChannel, NoticePlan, OutboxMessage
from clinicdir.notifications.outbox import AT_ONCE, list_free, new_message
from clinicdir.notifications.outcomes import NotNeeded
from clinicdir.notifications.rules import Channel, MessageKind

PLAN_CHANGED = "notice_plan"
AFTER_MIN = 15
# A machine is told at any hour; what rings or wakes waits for the morning.
_MAY_WAKE = frozenset({Channel.EMAIL, Channel.FAX})
_SYSTEMS = {Channel.EMAIL: TelecomSystem.EMAIL, Channel.FAX: TelecomSystem.FAX}
_LACKS = {
    Channel.EMAIL: "has no e-mail address",
    Channel.FAX: "has no fax number",
    Channel.WEBHOOK: "has no webhook",
}


@dataclass(frozen=True)
class Step:
    """One channel that is on: what it stands in for, where it leads, what it is signed with."""

    channel: Channel
    follows: Channel | None = None
    to: str = ""
    secret: str = ""


@dataclass(frozen=True)
class Quiet:
    """The hours in which nobody is woken, in minutes of the clinic's day."""

    from_min: int
    until_min: int


@dataclass(frozen=True)
class Plan:
    """How a clinic is told; where nobody has said, by e-mail alone."""

    steps: tuple[Step, ...] = (Step(Channel.EMAIL),)
    after_min: int = AFTER_MIN
    quiet: Quiet | None = None
    digest_to: str = ""
    version: int = 0

    def step(self, channel: Channel) -> Step | None:
        """Return the step of a channel, None while that is off."""
        return next((step for step in self.steps if step.channel is channel), None)


_kept: ContextVar[dict[int, Plan] | None] = ContextVar("plans", default=None)


def plan_of(location_id: int) -> Plan:
    """Return how a clinic is told now."""
    kept = _kept.get()
    if kept is not None and location_id in kept:
        return kept[location_id]
    row = db.session.scalar(select(NoticePlan).where(NoticePlan.location_id == location_id))
    plan = Plan() if row is None else _read(row)
    if kept is not None:
        kept[location_id] = plan
    return plan


@contextmanager
def plans_kept() -> Iterator[None]:
    """Read each clinic's plan once meanwhile: for many messages in one read of the database."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def list_unheard(locations: Collection[Location], *, mails: bool) -> list[Location]:
    """Return the locations that no message can reach; `mails` says whether a mail server is set."""
    ids = [place.id for place in locations]
    query = select(NoticePlan).where(NoticePlan.location_id.in_(ids))
    plans = {row.location_id: _read(row) for row in db.session.scalars(query)}
    return [
        place
        for place in locations
        if not any(
            _leads(step, place)
            for step in plans.get(place.id, Plan()).steps
            if mails or step.channel is not Channel.EMAIL
        )
    ]


def _leads(step: Step, location: Location) -> str | None:
    """Return where a step leads, None where that is nowhere."""
    system = _SYSTEMS.get(step.channel)
    return step.to or (location.telecom_value(system) if system else None)


def list_digests(*, before: date) -> list[int]:
    """Return the locations whose manager gets a digest and has had none since before this day."""
    query = select(NoticePlan).where(
        or_(NoticePlan.digested_on.is_(None), NoticePlan.digested_on < before)
    )
    rows = db.session.scalars(query.order_by(NoticePlan.location_id))
    return [row.location_id for row in rows if row.unseal()["digest_to"]]


def note_digest(location_id: int, on: date) -> bool:
    """Write down that this day's digest is done, False where it was before."""
    row = cast("Table", NoticePlan.__table__)
    # Not by the mapped class: no new version comes of it, which would make a page stale.
    query = update(row).where(
        row.c.location_id == location_id,
        or_(row.c.digested_on.is_(None), row.c.digested_on < on),
    )
    found = db.session.execute(query.values(digested_on=on).returning(row.c.id)).first()
    return found is not None


def _read(row: NoticePlan) -> Plan:
    steps = []
    for channel in row.channels:
        hidden = channel.unseal()
        steps.append(Step(channel.channel, channel.follows, hidden["to"], hidden["secret"]))
    quiet = None
    if row.quiet_from_min is not None and row.quiet_until_min is not None:
        quiet = Quiet(row.quiet_from_min, row.quiet_until_min)
    after = max([channel.after_min for channel in row.channels], default=AFTER_MIN)
    return Plan(tuple(steps), after, quiet, row.unseal()["digest_to"], row.version)


def change_plan(
    location: Location, plan: Plan, *, seen_version: int, actor: Actor, now: datetime
) -> None:
    """Put a plan in force; NotAllowed where the page showed an older one.

    The audit trail gets the names of the channels, no address and no secret.
    """
    before = plan_of(location.id)
    if before.version != seen_version:
        message = "The page is older than the plan."
        raise NotAllowed(message)
    if replace(before, version=plan.version) == plan:
        return
    query = select(NoticePlan).where(NoticePlan.location_id == location.id)
    row = db.session.scalar(query) or NoticePlan(location_id=location.id)
    row.quiet_from_min = plan.quiet.from_min if plan.quiet else None
    row.quiet_until_min = plan.quiet.until_min if plan.quiet else None
    row.seal({"digest_to": plan.digest_to})
    db.session.add(row)
    row.channels.clear()
    db.session.flush()
    for step in plan.steps:
        channel = NoticeChannel(
            channel=step.channel, follows=step.follows, after_min=plan.after_min
        )
        channel.seal({"to": step.to, "secret": step.secret})
        row.channels.append(channel)
    db.session.flush()
    record(
        PLAN_CHANGED,
        actor=actor,
        now=now,
        subject=location.slug,
        detail=_in_short(plan),
        chain=location_chain(location.id),
    )


def _in_short(plan: Plan) -> str:
    steps = [
        f"{step.channel} after {step.follows}" if step.follows else str(step.channel)
        for step in plan.steps
    ]
    extras = ["quiet hours"] if plan.quiet else []
    extras += ["digest"] if plan.digest_to else []
    return "; ".join([*steps, *extras])


def target_of(location: Location, channel: Channel) -> tuple[str, str | None]:
    """Return where a clinic's messages of a channel go, and the secret of a webhook.

    NotNeeded once a manager has switched the channel off, NoAddress while it leads nowhere.
    """
    step = plan_of(location.id).step(channel)
    if step is None:
        raise NotNeeded
    target = _leads(step, location)
    if not target:
        message = f"{location.name} {_LACKS[channel]}"
        raise NoAddress(message)
    return target, step.secret or None


def tell_clinic(
    kind: MessageKind,
    location: Location,
    *,
    subject_id: int,
    now: datetime,
    wait: timedelta = AT_ONCE,
) -> None:
    """Write a clinic's messages into the outbox, one for each channel that is on.

    What stands in for another channel waits until that one has had its time; should that fail
    before, it leaves at once; should that get through, it never does. Where one of the same kind
    and channel still waits, that one is due then instead.
    """
    plan = plan_of(location.id)
    waiting = list_free(kind, subject_id, now=now)
    written: dict[Channel, OutboxMessage] = {}
    for step in _in_order(plan.steps):
        message = waiting.get(step.channel) or new_message(
            kind, channel=step.channel, subject_id=subject_id, now=now
        )
        due_at, message.follows_id = now + wait, None
        if step.follows is not None:
            first = written[step.follows]
            message.follows_id = first.id
            due_at = first.due_at + timedelta(minutes=plan.after_min)
        if plan.quiet and step.channel in _MAY_WAKE:
            due_at = after_quiet(due_at, plan.quiet, zone=location.time_zone)
        message.due_at = due_at
        db.session.add(message)
        written[step.channel] = message
        if len(plan.steps) > 1:
            db.session.flush()  # what stands in for it needs its number


def _in_order(steps: tuple[Step, ...]) -> list[Step]:
    """Return the steps, each after the one that it stands in for."""
    ordered: list[Step] = []
    known: set[Channel | None] = {None}
    while len(ordered) < len(steps):
        ready = [step for step in steps if step.follows in known and step not in ordered]
        if not ready:
            break  # they stand in for each other, which no page lets through
        ordered += ready
        known |= {step.channel for step in ready}
    return ordered


def after_quiet(at: datetime, quiet: Quiet, *, zone: str) -> datetime:
    """Return the instant itself outside the hours of quiet, else their end."""
    local = at.astimezone(ZoneInfo(zone))
    minute = local.hour * 60 + local.minute
    if quiet.from_min < quiet.until_min:
        is_quiet = quiet.from_min <= minute < quiet.until_min
    else:
        is_quiet = minute >= quiet.from_min or minute < quiet.until_min
    if not is_quiet:
        return at
    day = local.date() if minute < quiet.until_min else local.date() + timedelta(days=1)
    ends = time(quiet.until_min // 60, quiet.until_min % 60)
    return datetime.combine(day, ends, ZoneInfo(zone)).astimezone(at.tzinfo)
