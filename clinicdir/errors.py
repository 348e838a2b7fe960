"""What the domain refuses, in its own words; the audiences turn it into pages and JSON."""

import dataclasses
from dataclasses import dataclass


def marked(text: str) -> str:
    """Mark a sentence for the translation catalogue without translating it here."""
    return text


@dataclass(frozen=True)
class FieldError:
    """One refused field: its name, a stable code, and the sentence that says what to do."""

    field: str
    code: str
    message: str
    values: dict[str, str | int] = dataclasses.field(default_factory=dict, hash=False)


class DomainError(Exception):
    """The parent of everything the domain refuses."""


class NotFound(DomainError):  # noqa: N818 - reads as a word, like the others
    """There is no such thing, or the caller may not know of it; both look the same."""


class NotAllowed(DomainError):  # noqa: N818
    """The present state does not admit this action, or the page that asked was stale."""


class Forbidden(DomainError):  # noqa: N818
    """The caller may see the thing but not do this to it."""


class Conflict(DomainError):  # noqa: N818
    """The same key came before with other content."""


class Unavailable(DomainError):  # noqa: N818
    """Nothing can be stored at the moment; the caller should try again or phone."""


class Invalid(DomainError):  # noqa: N818
    """The input breaks a rule; `errors` names each field and says what to do."""

    def __init__(self, *errors: FieldError) -> None:
        """Keep the refused fields in the order in which a person meets them."""
        super().__init__("; ".join(f"{error.field}: {error.code}" for error in errors))
        self.errors = errors
