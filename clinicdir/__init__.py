"""A clinic group's directory, its offline finder and its queue of appointment requests."""

from clinicdir.app import create_app

__all__ = ["create_app"]
