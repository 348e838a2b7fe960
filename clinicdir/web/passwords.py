"""What a password must be, and the forms that take a new one."""

from urllib.parse import urlsplit

from wtforms import PasswordField

from clinicdir.errors import marked
from clinicdir.locations.queries import organization_name
from clinicdir.staff.leaked import has_leaked
from clinicdir.staff.rules import MIN_PASSWORD_LENGTH
from clinicdir.web.forms import Form
from clinicdir.web.language import gettext
from clinicdir.web.parts import parts

_FEWEST_DIFFERENT = 5
# Shorter ones stand in most sentences.
_SHORTEST_NAME = 4


def _letters(text: str) -> str:
    """Return what a name or a password is made of, however it is written and parted."""
    return "".join(symbol for symbol in text.casefold() if symbol.isalnum())


def _words_of_this_site() -> list[str]:
    """Return the words that everybody here would guess first; docs/operate.md lists them."""
    host = urlsplit(parts().settings.url).hostname or ""
    names = ["password", "clinicdir", organization_name(), host.removeprefix("www.").split(".")[0]]
    return [name for name in map(_letters, names) if len(name) >= _SHORTEST_NAME]


class PasswordForm(Form):
    """Chooses a first password."""

    password = PasswordField()

    def check(self, email: str) -> bool:
        """Refuse what is short or easily guessed; say what to do."""
        typed, name = self.password.data or "", email.partition("@")[0].casefold()
        if len(typed) < MIN_PASSWORD_LENGTH:
            message = marked("Password must be 15 characters or more")
        elif len(set(typed)) < _FEWEST_DIFFERENT or has_leaked(typed):
            message = marked("Choose a password that is harder to guess, like four random words")
        elif len(name) >= _SHORTEST_NAME and name in typed.casefold():
            message = marked("Password must not contain your email name")
        elif any(word in _letters(typed) for word in _words_of_this_site()):
            message = marked(
                "Password must not contain the name of the group or of this site, or the word"
                " password"
            )
        else:
            return True
        self.password.errors = [gettext(message)]
        return False


class NewPasswordForm(PasswordForm):
    """Chooses another password, for whoever knows the present one."""

    current = PasswordField()
