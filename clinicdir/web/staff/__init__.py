"""What front-desk staff see: the inbox over all their locations, and one request with its moves."""

from clinicdir.web.staff import account, inbox, opened, team
from clinicdir.web.staff.blueprint import bp

__all__ = ["account", "bp", "inbox", "opened", "team"]
