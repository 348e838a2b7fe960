"""What a password must be, and the forms that take a new one."""

from wtforms import PasswordField

from clinicdir.errors import marked
from clinicdir.staff.rules import MIN_PASSWORD_LENGTH
from clinicdir.web.forms import Form
from clinicdir.web.language import gettext

_FEWEST_DIFFERENT = 5
# Shorter ones stand in most sentences.
_SHORTEST_NAME = 4


class PasswordForm(Form):
    """Chooses a first password."""

    password = PasswordField()

    def check(self, email: str) -> bool:
        """Refuse what is short or easily guessed; say what to do."""
        typed, name = self.password.data or "", email.partition("@")[0].casefold()
        if len(typed) < MIN_PASSWORD_LENGTH:
            message = marked("Password must be 15 characters or more")
        elif len(set(typed)) < _FEWEST_DIFFERENT or "password" in typed.casefold():
            message = marked("Choose a password that is harder to guess, like four random words")
        elif len(name) >= _SHORTEST_NAME and name in typed.casefold():
            message = marked("Password must not contain your email name")
        else:
            return True
        self.password.errors = [gettext(message)]
        return False


class NewPasswordForm(PasswordForm):
    """Chooses another password, for whoever knows the present one."""

    current = PasswordField()
