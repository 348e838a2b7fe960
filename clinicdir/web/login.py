"""Staff sign-in: Flask-Security, hardened, with sign-ins that end on the server."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from flask import Flask, Response, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, user_logged_out
from flask_login.utils import _user_context_processor
from flask_security import (
    LoginForm,
    RoleMixin,
    Security,
    SQLAlchemySessionUserDatastore,
    user_authenticated,
)
from limits import parse

from clinicdir import clock
from clinicdir.db import db, transaction
from clinicdir.errors import Invalid
from clinicdir.locations.queries import organization_name
from clinicdir.staff.models import StaffMember
from clinicdir.staff.queries import clean_address, find_by_email, find_session
from clinicdir.staff.rules import MIN_PASSWORD_LENGTH
from clinicdir.staff.second_factor import has_factor, start_factor
from clinicdir.staff.sessions import (
    SEEN_EVERY,
    actor_of,
    end_session,
    is_live,
    start_session,
)
from clinicdir.web.devices import device_of
from clinicdir.web.forms import Form
from clinicdir.web.parts import parts
from clinicdir.web.present import (
    COOKIE_KEY,
    open_sign_in,
    pending_sign_in,
    present_token,
)
from clinicdir.web.security import (
    OPEN,
    form_token_failed,
    keeps_answers,
    note_lock,
    sender_of_request,
)
from clinicdir.web.tries import Counter, count_try
from clinicdir.web.watching import note_refused, note_staff

_LONGEST_ADDRESS = 254
_SIGN_OUTS = ("security.logout", "lock.leave")
_PER_ACCOUNT = parse("5 per minute")
PER_ADDRESS = "30 per minute"


class StaffLoginForm(LoginForm):
    """The sign-in form without "remember me", whose cookie would outlive every sign-out."""

    remember = None  # type: ignore[assignment]
    # What was typed is shown again, so it is read as every other form reads it.
    Meta = Form.Meta


class _NoRole(RoleMixin):
    """Flask-Security wants a role class; ours stand in staff/rules.py."""


_CONFIG: dict[str, object] = {
    "URL_PREFIX": "/staff",
    "POST_LOGIN_VIEW": "/staff/",
    "POST_LOGOUT_VIEW": "/staff/login",
    "LOGIN_USER_TEMPLATE": "staff/login.html",
    "LOGOUT_METHODS": ["POST"],
    "FLASH_MESSAGES": False,
    "RETURN_GENERIC_RESPONSES": True,
    "WAN_ALLOW_USER_HINTS": False,
    "PASSWORD_SCHEMES": ["argon2"],
    "DEPRECATED_PASSWORD_SCHEMES": [],
    "PASSWORD_HASH": "argon2",
    # argon2 salts each password; a second secret would be one more thing to lose.
    "PASSWORD_SINGLE_HASH": ["argon2"],
    "HASHING_SCHEMES": ["argon2"],
    "DEPRECATED_HASHING_SCHEMES": [],
    "PASSWORD_LENGTH_MIN": MIN_PASSWORD_LENGTH,
    # All forms hash and check what was typed: one that changed it would lock people out.
    "PASSWORD_NORMALIZE_FORM": None,
    "LOGOUT_CSRF": True,
    "API_ENABLED_METHODS": ["session"],
    "FRESHNESS": timedelta(minutes=-1),
    "EMAIL_VALIDATOR_ARGS": {"check_deliverability": False},
    "CACHE_CONTROL": {"private": None, "no-store": None},
    "DEFAULT_REMEMBER_ME": False,
    "STATIC_FOLDER": None,
    # Its commands would change accounts past the audit trail; `flask staff` is ours.
    "CLI_USERS_NAME": False,
    "CLI_ROLES_NAME": False,
    "JOIN_USER_ROLES": False,  # there is no such table
}


def init_app(app: Flask) -> None:
    """Set up the sign-in, its limits and its sign-ins on the server."""
    app.config.update({f"SECURITY_{name}": value for name, value in _CONFIG.items()})
    datastore = SQLAlchemySessionUserDatastore(db.session, StaffMember, _NoRole)
    security = Security(app, datastore, login_form=StaffLoginForm)
    security.login_context_processor(_login_page_values)
    security.want_json(lambda _request: False)  # as JSON it would hand out a token of its own
    app.extensions.setdefault("clinicdir.guards", {})["security"] = OPEN
    # It would write into the cookie of pages that need none; our sign-ins are rows of a table.
    app.login_manager.session_protection = None  # type: ignore[attr-defined]
    app.login_manager.request_loader(lambda _request: None)  # type: ignore[attr-defined]
    app.login_manager.user_loader(_live_user(app.login_manager._user_callback))  # type: ignore[attr-defined]  # noqa: SLF001
    user_authenticated.connect(_on_sign_in, app)
    user_logged_out.connect(_on_sign_out, app)
    # It would load the user for every page, also for an error page while the database is away.
    app.template_context_processors[None].remove(_user_context_processor)
    _wrap_login(app)
    _wrap_logout(app)
    app.after_request(_forget_on_sign_out)


def _login_page_values() -> dict[str, object]:
    return {"group": organization_name(), "expired": form_token_failed()}


def _wrap_login(app: Flask) -> None:
    """Limit the tries, and answer refused posts as every other form of ours does."""
    view = app.view_functions["security.login"]

    @keeps_answers
    def login() -> ResponseReturnValue:
        wanted = request.args.getlist("next") + request.form.getlist("next")
        if not all(is_own_path(target) for target in wanted):
            return redirect("/staff/login", code=303)  # the library fails at some of them
        if request.method == "GET" and wanted and pending_sign_in() is not None:
            return redirect(second_factor_url(wanted[0]), code=303)
        if form_token_failed():
            form = StaffLoginForm()
            values = _login_page_values()
            return render_template("staff/login.html", login_user_form=form, **values), 400
        if request.method == "POST":
            count_try(*password_tries("login", _typed_account()))
        answer: ResponseReturnValue = current_app.ensure_sync(view)()
        if request.method == "POST" and isinstance(answer, str):
            _note_failed_sign_in()
            return answer, 422
        if pending_sign_in() is not None:
            return redirect(second_factor_url(wanted[0] if wanted else ""), code=303)
        return answer

    app.view_functions["security.login"] = login


def password_tries(where: str, account: str) -> tuple[Counter, Counter]:
    """Return the counters of a try at a password: at this account, and from this sender.

    Without a count nobody may try: a password could be guessed while the disk is full.
    """
    return (
        Counter(_PER_ACCOUNT, f"{where} account", account),
        Counter(parse(PER_ADDRESS), f"{where} sender", sender_of_request().hex()),
    )


def _wrap_logout(app: Flask) -> None:
    """End a sign-in that is locked or waits for its second factor too: the library passes it by."""
    view: Any = app.view_functions["security.logout"]

    def logout() -> ResponseReturnValue:
        found = open_sign_in() or pending_sign_in()
        if found is not None and not current_user.is_authenticated:
            with transaction():
                end_session(present_token() or "", actor=actor_of(found[1]), now=clock.now())
            session.clear()
        answer: ResponseReturnValue = view()
        return answer

    app.view_functions["security.logout"] = logout


def is_own_path(target: str) -> bool:
    """Say whether every browser takes `target` for a path of our own; nothing at all is one."""
    if any(symbol < "!" or symbol in "\\\x7f" for symbol in target):
        return False
    return not target or (target.startswith("/") and not target.startswith("//"))


def _typed_account() -> str:
    """Return the account that is tried, however its address is spelled."""
    typed = request.form.get("email", "")
    try:
        return f"account {clean_address(typed)}"
    except Invalid:
        return f"account {typed.strip().casefold()[:_LONGEST_ADDRESS]}"


def _note_failed_sign_in() -> None:
    """Keep for the log which account was tried; one that is not there has no number."""
    note_refused("sign_in")
    with suppress(Invalid):
        if member := find_by_email(request.form.get("email", "")):
            note_staff(member.id)


def _live_user(load: Any) -> Any:  # noqa: ANN401 - Flask-Login has no types
    """Wrap Flask-Security's loader: a cookie opens nothing unless its sign-in is live."""

    def load_live(uniquifier: str) -> StaffMember | None:
        token, now = session.get(COOKIE_KEY), clock.now()
        row = find_session(token) if token else None
        idle = timedelta(minutes=parts().settings.idle_minutes)
        if row is None or not is_live(row, idle=idle, now=now):
            note_lock(is_locked=open_sign_in() is not None)
            return None
        user: StaffMember | None = load(uniquifier)
        if user is None or user.id != row.staff_id:
            return None
        note_staff(user.id)
        # Seldom enough to spare writes, often enough that no click falls out of a short idle time.
        # A page that asks by itself is no sign that anybody sits before it.
        is_poll = request.headers.get("X-Poll") == "1"
        if not is_poll and now - row.seen_at >= min(SEEN_EVERY, idle / 10):
            with transaction():
                row.seen_at = now
        return user

    return load_live


def _on_sign_in(_app: Flask, user: StaffMember, **_: object) -> None:
    note_staff(user.id)
    db.session.rollback()  # a new hash of an old password may be pending; it can wait
    with transaction():
        now, is_set_up = clock.now(), has_factor(user)
        is_a_must = parts().settings.is_production
        if is_a_must and not is_set_up:
            start_factor(user, now=now)
        session[COOKIE_KEY] = start_session(
            user,
            device=device_of(request.user_agent.string),
            needs_factor=is_a_must or is_set_up,
            now=now,
        )


def _on_sign_out(_app: Flask, user: StaffMember, **_: object) -> None:
    token = session.pop(COOKIE_KEY, None)
    if token is not None:
        with transaction():
            end_session(token, actor=actor_of(user), now=clock.now())


def _forget_on_sign_out(response: Response) -> Response:
    if request.endpoint in _SIGN_OUTS and response.status_code < 400:  # noqa: PLR2004
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def second_factor_url(target: str) -> str:
    """Return the page that asks for the second factor and then leads to `target`."""
    return url_for("second_factor.ask", next=target or None)
