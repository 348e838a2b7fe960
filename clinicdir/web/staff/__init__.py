"""What front-desk staff see: the inbox over all their locations, and one request with its moves."""

from clinicdir.web.staff import (
    account,
    audit_trail,
    exporting,
    for_caller,
    inbox,
    measuring,
    mistakes,
    moving,
    opened,
    settings,
    team,
)
from clinicdir.web.staff.blueprint import bp

__all__ = [
    "account",
    "audit_trail",
    "bp",
    "exporting",
    "for_caller",
    "inbox",
    "measuring",
    "mistakes",
    "moving",
    "opened",
    "settings",
    "team",
]
