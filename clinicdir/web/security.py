"""The door: who may come in where, whose posts are believed, how often, and under what headers."""

import ipaddress
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlsplit

from flask import Blueprint, Flask, Response, abort, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter
from flask_login import current_user
from flask_wtf.csrf import CSRFProtect, validate_csrf
from werkzeug.exceptions import Forbidden
from werkzeug.middleware.proxy_fix import ProxyFix
from wtforms.validators import ValidationError

from clinicdir.db import key_ring
from clinicdir.settings import Settings
from clinicdir.web import limits as _limits  # noqa: F401 - registers the storage scheme
from clinicdir.web.watching import note_refused

if TYPE_CHECKING:  # the module exists for type checkers only
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Not no-referrer: browsers would then send `Origin: null` with every form.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
# Where "Use my location" is offered its script may run, and may ask for the place.
_FINDER_HEADERS = {
    "Content-Security-Policy": f"{CONTENT_SECURITY_POLICY}; script-src 'self'",
    "Permissions-Policy": "camera=(), geolocation=(self), microphone=()",
}
# Staff pages lock themselves when nobody is there; the script asks for counts meanwhile.
_STAFF_HEADERS = {
    "Content-Security-Policy": f"{CONTENT_SECURITY_POLICY}; script-src 'self'; connect-src 'self'",
}
_WITH_FINDER = frozenset({"public.home", "public.all_locations", "public.find"})
_ONLY_HTTPS = "max-age=31536000; includeSubDomains"  # a year
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
# Pages without a person's data may be shown again by Back; everything else is fetched anew.
_CACHE = {
    "public.home": "no-cache",
    "public.all_locations": "no-cache",
    "public.location": "no-cache",
    "public.privacy": "no-cache",
    "public.about": "no-cache",
    # Back must show the finder's results again without asking to send the form once more.
    "public.find": "private, max-age=600",
}
# They use no cookie and change nothing for its bearer, so a forged post gains nothing.
WITHOUT_TOKEN = frozenset({"fax_status.take", "public.find", "public.look_up"})

Guard = Callable[[], ResponseReturnValue | None]
limiter = Limiter(key_func=lambda: sender_of_request().hex())


def OPEN() -> None:  # noqa: N802 - a guard, named as a constant of the table of blueprints
    """Let everybody in."""


def SIGNED_IN() -> ResponseReturnValue | None:  # noqa: N802
    """Let signed-in staff in; send readers to sign in, refuse posts."""
    if current_user.is_authenticated:
        return None
    is_locked = g.get("staff_locked", False)
    if request.method not in _READS:
        if is_locked:
            _check_origin()
            note_refused("locked")
            raise Locked
        note_refused("signed_out")
        abort(403)
    page = "lock.ask" if is_locked else "security.login"
    return redirect(url_for(page, next=request.full_path.rstrip("?")), code=303)


class Locked(Forbidden):
    """A form meets the lock of an idle sign-in; web/lock.py answers and keeps what was typed."""


def note_lock(*, is_locked: bool) -> None:
    """Remember for this request whether its sign-in is idle and wants its password again."""
    g.staff_locked = is_locked


def register(app: Flask, blueprint: Blueprint, guard: Guard, url_prefix: str | None = None) -> None:
    """Register a blueprint under its guard; one without a guard does not get in."""
    guards: dict[str, Guard] = app.extensions.setdefault("clinicdir.guards", {})
    guards[blueprint.name] = guard
    app.register_blueprint(blueprint, url_prefix=url_prefix)


def init_security(app: Flask, settings: Settings) -> None:
    """Put the door in place, before anything else answers a request."""
    if settings.trusted_proxies:
        app.wsgi_app = _TrustedProxies(app.wsgi_app, settings.trusted_proxies)  # type: ignore[method-assign]
    app.config["RATELIMIT_STORAGE_URI"] = f"clinicdir-file://{settings.instance / 'limits.sqlite3'}"
    app.config["RATELIMIT_ENABLED"] = settings.rate_limits == "on"
    app.config["RATELIMIT_STRATEGY"] = "fixed-window"
    # A counter that cannot be read must not cost a patient the request; it is logged.
    app.config["RATELIMIT_SWALLOW_ERRORS"] = True
    app.before_request(_check_host)
    app.before_request(_check_bytes)
    app.before_request(_check_guard)
    app.before_request(_check_origin)
    app.before_request(_check_form_token)
    app.after_request(_add_headers)
    CSRFProtect(app)
    limiter.init_app(app)


def address_prefix(address: str) -> str:
    """Return what counts as one sender: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 4:  # noqa: PLR2004
        return str(parsed)
    return str(ipaddress.ip_network(f"{parsed}/64", strict=False).network_address)


def sender_of_request() -> bytes:
    """Return the keyed hash that stands for the sender's address; the address is stored nowhere."""
    return key_ring().fingerprint("sender", address_prefix(request.remote_addr or ""))


def form_token_failed() -> bool:
    """Say whether this post came without a good form token; its view must change nothing."""
    return bool(g.get("form_token_failed", False))


def keeps_answers(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Mark a view that answers a failed form token itself, with everything typed kept."""
    view.keeps_answers = True  # type: ignore[attr-defined]
    return view


def _check_host() -> None:
    """Refuse a Host that is not ours; ports may differ behind a proxy or a tunnel."""
    if request.blueprint in ("health", "metrics"):
        return  # asked by machines that know no name; their answer holds no link
    if not _is_our_host(request.headers.get("Host", "")):
        note_refused("host")
        abort(400)


def _is_our_host(host: str) -> bool:
    settings: Settings = current_app.extensions["clinicdir"].settings
    ours = urlsplit(settings.url).hostname
    try:
        asked = urlsplit(f"//{host}")
        named, _ = asked.hostname, asked.port
    except ValueError:
        return False
    if asked.netloc != host or "@" in host:
        return False
    local = {"localhost", "127.0.0.1", "::1"}
    allowed = {ours} | (local if ours in local | {"0.0.0.0", "::"} else set())  # noqa: S104
    return named in allowed


def _check_bytes() -> None:
    """Refuse what is no UTF-8, and NUL in an address; Werkzeug would put U+FFFD in its place."""
    path: str = request.environ.get("PATH_INFO", "")
    address = path.encode("latin-1") + b"?" + unquote_to_bytes(request.query_string)
    if b"\0" in address or not _is_utf8(address):
        abort(400)
    if request.method in _READS:
        return
    if request.mimetype == "application/x-www-form-urlencoded":
        body = unquote_to_bytes(request.get_data())
    elif request.mimetype == "multipart/form-data":
        body = request.get_data()
    else:
        return
    if not _is_utf8(body):
        abort(400)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _check_guard() -> ResponseReturnValue | None:
    """Ask the guard of the blueprint; unknown paths under /staff are guarded like known ones."""
    guards: dict[str, Guard] = current_app.extensions["clinicdir.guards"]
    if request.endpoint is None:
        in_staff = request.path == "/staff" or request.path.startswith("/staff/")
        return SIGNED_IN() if in_staff else None
    if request.endpoint == "static":
        return None
    return guards[request.endpoint.partition(".")[0]]()


def _check_origin() -> None:
    """Refuse a post that another site sent; where a browser says neither, the token decides."""
    if request.method in _READS or not _needs_token():
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        is_foreign = site not in ("same-origin", "none")
    else:
        is_foreign = origin is not None and not _is_ours(origin)
    if is_foreign:
        note_refused("origin")
        abort(403)


def _is_ours(origin: str) -> bool:
    try:
        return urlsplit(origin).netloc == request.host
    except ValueError:  # such as "http://["
        return False


def _check_form_token() -> None:
    if request.method in _READS or not _needs_token():
        return
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValidationError:
        g.form_token_failed = True
        note_refused("form_token")
        view = current_app.view_functions[request.endpoint or ""]
        if not getattr(view, "keeps_answers", False):
            abort(400)


def _needs_token() -> bool:
    endpoint = request.endpoint
    if endpoint is None or endpoint == "static":
        return False
    return endpoint not in WITHOUT_TOKEN and not endpoint.startswith("api.")


def headers_of(endpoint: str | None) -> dict[str, str]:
    """Return the headers that a page of this endpoint carries, whatever it answers."""
    if endpoint is not None and endpoint.startswith("staff."):
        return HEADERS | _STAFF_HEADERS
    return HEADERS | _FINDER_HEADERS if endpoint in _WITH_FINDER else HEADERS


def _add_headers(response: Response) -> Response:
    # What is not there and what is not yours must look alike, in the headers too.
    shown = None if response.status_code == 404 else request.endpoint  # noqa: PLR2004
    for name, value in headers_of(shown).items():
        response.headers.setdefault(name, value)
    settings: Settings = current_app.extensions["clinicdir"].settings
    if settings.url.startswith("https://"):
        response.headers.setdefault("Strict-Transport-Security", _ONLY_HTTPS)
    kept = _CACHE.get(request.endpoint or "") if response.status_code < 400 else None  # noqa: PLR2004
    response.headers.setdefault("Cache-Control", kept or "no-store")
    return response


class _TrustedProxies:
    """Believes X-Forwarded-… only from stated proxies; all others are taken as they come."""

    def __init__(self, inner: "WSGIApplication", proxies: tuple[str, ...]) -> None:
        self._inner = inner
        self._behind_proxy = ProxyFix(inner, x_for=1, x_proto=1, x_host=0, x_port=0)
        self._networks = [ipaddress.ip_network(proxy) for proxy in proxies]

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        try:
            peer = ipaddress.ip_address(str(environ.get("REMOTE_ADDR", "")))
        except ValueError:
            peer = None
        believed = peer is not None and any(peer in network for network in self._networks)
        inner = self._behind_proxy if believed else self._inner
        return inner(environ, start_response)
