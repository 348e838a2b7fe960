"""What programs see: the JSON API and its description."""

from clinicdir.web.api import asking, directory
from clinicdir.web.api.blueprint import bp

__all__ = ["asking", "bp", "directory"]
