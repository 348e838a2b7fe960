"""What front-desk staff see: the inbox over all their locations, and one request with its moves."""

from clinicdir.web.staff import (
    account,
    agenda,
    for_caller,
    inbox,
    line,
    mistakes,
    moving,
    opened,
    search,
    settings,
    team,
)
from clinicdir.web.staff.blueprint import bp

__all__ = [
    "account",
    "agenda",
    "bp",
    "for_caller",
    "inbox",
    "line",
    "mistakes",
    "moving",
    "opened",
    "search",
    "settings",
    "team",
]
