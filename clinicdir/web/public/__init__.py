"""What patients see: the directory, the finder, the request and its own page."""

from clinicdir.web.public import (
    asking,
    directory,
    finding,
    guide,
    lost_link,
    mistakes,
    own_changes,
    own_check,
    own_erasing,
    own_page,
    own_papers,
    own_withdrawal,
    sending,
)
from clinicdir.web.public.blueprint import bp

__all__ = [
    "asking",
    "bp",
    "directory",
    "finding",
    "guide",
    "lost_link",
    "mistakes",
    "own_changes",
    "own_check",
    "own_erasing",
    "own_page",
    "own_papers",
    "own_withdrawal",
    "sending",
]
