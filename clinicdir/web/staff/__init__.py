"""What front-desk staff see: the inbox over all their locations, and one request with its moves."""

from clinicdir.web.staff import (
    account,
    adding,
    agenda,
    audit_trail,
    closing,
    exporting,
    for_caller,
    inbox,
    line,
    locations,
    measuring,
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
    "adding",
    "agenda",
    "audit_trail",
    "bp",
    "closing",
    "exporting",
    "for_caller",
    "inbox",
    "line",
    "locations",
    "measuring",
    "mistakes",
    "moving",
    "opened",
    "search",
    "settings",
    "team",
]
