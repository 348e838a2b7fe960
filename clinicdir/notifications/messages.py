"""Writes the texts of messages from templates; a text names no patient and no health."""

import gettext as catalogues
from collections.abc import Mapping
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from clinicdir.notifications.mail_headers import POLICY
from clinicdir.notifications.rules import Message

# What texts are written in where there is no catalogue of the reader's language.
SOURCE_LANGUAGE = "en"
# One for all: no text has such a line, and the mail is the same at every try.
_BOUNDARY = "=next-part-of-c2a1b7d05e3f="


class MessageTexts:
    """Renders `<template>.subject.txt` and `<template>.txt` of the messages folder.

    With a frame the text is a paragraph or more, which `<frame>.txt` and `<frame>.html` surround.
    """

    def __init__(
        self,
        folder: Path,
        translations: Mapping[str, catalogues.NullTranslations] | None = None,
    ) -> None:
        """Read templates from `folder`; a name that a template lacks is an error."""
        # The words for states stand among the components of pages, beside the folder.
        self._loader = FileSystemLoader([folder, folder.parent])
        known = {SOURCE_LANGUAGE: catalogues.NullTranslations(), **(translations or {})}
        self._plain = {code: self._environment(found) for code, found in known.items()}
        self._html = {code: self._environment(found, html=True) for code, found in known.items()}

    def email(
        self, message: Message, *, sender: str, message_key: str, now: datetime
    ) -> EmailMessage:
        """Return the mail; its Message-ID is the same at every try.

        A line break in its head, or a recipient that is not one address, is a ValueError.
        """
        language = message.language if message.language in self._plain else SOURCE_LANGUAGE
        plain, html = self._plain[language], self._html[language]
        values: dict[str, object] = {**message.values, "language": language}
        subject = _render(plain, f"{message.template}.subject.txt", values).strip()
        text = _render(plain, f"{message.template}.txt", values)
        mail = EmailMessage(policy=POLICY)
        mail["Subject"] = subject
        mail["From"] = sender
        mail["To"] = _one_address(message.to)
        mail["Date"] = now
        mail["Message-ID"] = f"<{message_key}@{sender.rpartition('@')[2].rstrip('>')}>"
        mail["Auto-Submitted"] = "auto-generated"
        if message.frame is None:
            mail.set_content(text)
        else:
            framed = values | {"subject": subject, "paragraphs": text.strip().split("\n\n")}
            mail.set_content(_render(plain, f"{message.frame}.txt", framed))
            mail.add_alternative(_render(html, f"{message.frame}.html", framed), subtype="html")
            mail.set_boundary(_BOUNDARY)
        mail["Content-Language"] = language
        return mail

    def _environment(
        self, translations: catalogues.NullTranslations, *, html: bool = False
    ) -> Environment:
        made = Environment(
            loader=self._loader,
            undefined=StrictUndefined,
            autoescape=html,  # noqa: S701 - what is no HTML is plain text
            keep_trailing_newline=True,
            extensions=["jinja2.ext.i18n"],
        )
        made.policies["ext.i18n.trimmed"] = True
        made.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]  # made by i18n
        return made


def _one_address(text: str) -> Address:
    """Return an address for a mail's head; the error of what is none does not repeat it."""
    try:
        return Address(addr_spec=text)
    except (ValueError, HeaderParseError, IndexError):
        message = "The recipient is not one address."
        raise ValueError(message) from None


def _render(environment: Environment, name: str, values: dict[str, object]) -> str:
    return environment.get_template(name).render(values)
