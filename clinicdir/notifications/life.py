"""The life of a message: the one table of what can happen to it, as docs/message-life.md shows."""

import enum

from clinicdir.notifications.rules import DeliveryState


class Happening(enum.StrEnum):
    """What can happen to a message."""

    ACCEPT = "accept"
    HAND_OVER = "hand_over"
    CONFIRM = "confirm"
    REFUSE = "refuse"
    FAIL = "fail"
    LACK = "lack"
    DROP = "drop"
    GIVE_UP = "give_up"
    RETRY = "retry"


_WAITING, _OVER = DeliveryState.WAITING, DeliveryState.HANDED_OVER
_REFUSED, _DEAD = DeliveryState.REFUSED, DeliveryState.DEAD

LIFE: dict[tuple[DeliveryState, Happening], DeliveryState] = {
    (_WAITING, Happening.ACCEPT): DeliveryState.ACCEPTED,
    (_WAITING, Happening.HAND_OVER): _OVER,
    (_WAITING, Happening.CONFIRM): DeliveryState.DELIVERED,
    (_WAITING, Happening.REFUSE): _REFUSED,
    (_WAITING, Happening.FAIL): _WAITING,
    (_WAITING, Happening.LACK): _WAITING,
    (_WAITING, Happening.DROP): DeliveryState.NOT_NEEDED,
    (_WAITING, Happening.GIVE_UP): _DEAD,
    (_OVER, Happening.HAND_OVER): _OVER,
    (_OVER, Happening.CONFIRM): DeliveryState.DELIVERED,
    (_OVER, Happening.REFUSE): _REFUSED,
    (_OVER, Happening.FAIL): _WAITING,
    (_OVER, Happening.GIVE_UP): _DEAD,
    (_REFUSED, Happening.RETRY): _WAITING,
    (_DEAD, Happening.RETRY): _WAITING,
    (_DEAD, Happening.DROP): DeliveryState.NOT_NEEDED,
}

# What a worker still has to do with.
OPEN_STATES = frozenset({_WAITING, _OVER})
# The other side has said yes, or nobody needs it any more: what stands in for it stays away.
SETTLED_STATES = frozenset(
    {DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.NOT_NEEDED}
)
# It did not get through and will not by itself.
FAILED_STATES = frozenset({_REFUSED, _DEAD})


def next_state(state: DeliveryState, happening: Happening) -> DeliveryState:
    """Return the state after this, or raise KeyError where it cannot happen."""
    return LIFE[state, happening]
