"""The only place that asks the machine what time it is."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present instant in UTC, whole milliseconds, as every table stores it."""
    instant = datetime.now(UTC)  # noqa: TID251 - this module is the one allowed to ask
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
