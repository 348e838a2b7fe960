"""Gives every text that a person reads in that person's language; English only for now."""

import gettext as catalogues

from flask import Flask, current_app

LOCALE = "en"


def init_app(app: Flask) -> None:
    """Let templates translate, by `_()`, `ngettext()` and `{% trans %}`."""
    app.extensions["clinicdir.translations"] = catalogues.NullTranslations()
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # made by i18n
        _catalogue_text, _catalogue_plural, newstyle=True
    )


def gettext(text: str, **values: object) -> str:
    """Return the translation of a marked text, with its named values put in."""
    translated = _catalogue_text(text)
    return translated % values if values else translated


def ngettext(one: str, many: str, count: int, **values: object) -> str:
    """Return the translation for this count, with `count` and its named values put in."""
    return _catalogue_plural(one, many, count) % ({"count": count} | values)


def _catalogue_text(text: str) -> str:
    return _translations().gettext(text)


def _catalogue_plural(one: str, many: str, count: int) -> str:
    return _translations().ngettext(one, many, count)


def _translations() -> catalogues.NullTranslations:
    found: catalogues.NullTranslations = current_app.extensions["clinicdir.translations"]
    return found
