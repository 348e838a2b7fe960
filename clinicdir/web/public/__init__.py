"""What patients see: the directory, the finder, the request and its own page."""

from clinicdir.web.public import asking, directory, finding, guide, own_page
from clinicdir.web.public.blueprint import bp

__all__ = ["asking", "bp", "directory", "finding", "guide", "own_page"]
