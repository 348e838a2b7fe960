"""What a backup command refuses, and why."""

from clinicdir.errors import DomainError


class BackupRefused(DomainError):  # noqa: N818 - reads as a word, like the others
    """The backup cannot be made, read or restored; the text says why and what to do."""
