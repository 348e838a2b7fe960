"""What patients see: the directory, the finder, the request and its own page."""

from clinicdir.web.public import (
    asking,
    directory,
    finding,
    guide,
    mistakes,
    own_page,
    sending,
)
from clinicdir.web.public.blueprint import bp

__all__ = ["asking", "bp", "directory", "finding", "guide", "mistakes", "own_page", "sending"]
