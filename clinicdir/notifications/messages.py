"""Writes the texts of messages from templates; a text names no patient and no health."""

from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from clinicdir.notifications.rules import Message


class MessageTexts:
    """Renders `<template>.subject.txt` and `<template>.txt` of the messages folder."""

    def __init__(self, folder: Path) -> None:
        """Read templates from `folder`; a name that a template lacks is an error."""
        self._environment = Environment(
            loader=FileSystemLoader(folder),
            undefined=StrictUndefined,
            autoescape=False,  # noqa: S701 - plain text, no HTML
            keep_trailing_newline=True,
        )

    def email(
        self, message: Message, *, sender: str, message_key: str, now: datetime
    ) -> EmailMessage:
        """Return the mail; its Message-ID is the same at every try."""
        mail = EmailMessage()
        mail["Subject"] = self._render(f"{message.template}.subject.txt", message.values).strip()
        mail["From"] = sender
        mail["To"] = message.to
        mail["Date"] = format_datetime(now)
        mail["Message-ID"] = f"<{message_key}@{sender.rpartition('@')[2].rstrip('>')}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(self._render(f"{message.template}.txt", message.values))
        return mail

    def _render(self, name: str, values: dict[str, str]) -> str:
        return self._environment.get_template(name).render(values)
