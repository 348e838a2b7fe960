"""What front-desk staff see: the inbox over all their locations, and one request with its moves."""

from clinicdir.web.staff import for_caller, inbox, mistakes, moving, opened, settings
from clinicdir.web.staff.blueprint import bp

__all__ = ["bp", "for_caller", "inbox", "mistakes", "moving", "opened", "settings"]
