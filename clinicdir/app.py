"""The factory: puts settings, database, audiences and commands together."""

from functools import partial

from flask import Flask
from flask_migrate import Migrate
from jinja2 import StrictUndefined

from clinicdir import cli
from clinicdir.appointments.intake import read_intake
from clinicdir.appointments.knowledge import read_knowledge
from clinicdir.crypto import FileKeyRing, KeyRing, new_key
from clinicdir.db import db, engine_options, init_db, render_item
from clinicdir.finder.gazetteer import Gazetteer
from clinicdir.finder.geocoding import OfflineGeocoder
from clinicdir.finder.online import with_online
from clinicdir.finder.places import KnownPlaces
from clinicdir.finder.points import PointIndex
from clinicdir.finder.refitting import REGIONS, regions_in_use
from clinicdir.finder.region_index import RegionIndex
from clinicdir.locations.queries import list_addresses
from clinicdir.resources import resource_dir
from clinicdir.settings import (
    KEY_FILE,
    BadSettings,
    Settings,
    check_confirmed,
    check_places,
    complete_secrets,
    load_settings,
)
from clinicdir.web import (
    api,
    assets,
    compression,
    errors,
    fax_status,
    filters,
    going_on,
    health,
    invitation,
    ladders,
    language,
    lock,
    login,
    metrics,
    public,
    second_factor,
    staff,
    watching,
)
from clinicdir.web.parts import Parts
from clinicdir.web.security import OPEN, SIGNED_IN, init_security, register

MAX_BODY_BYTES = 64_000


def create_app(settings: Settings | None = None) -> Flask:
    """Build the app; it neither migrates nor loads, `flask serve` does."""
    given = settings or load_settings()
    check_places(given, resource_dir("static"))
    settings = complete_secrets(given, new_key)
    app = Flask(
        "clinicdir",
        template_folder=str(resource_dir("templates")),
        static_folder=str(resource_dir("static")),
    )
    app.config.from_mapping(_flask_config(settings))
    seeds = settings.seeds or resource_dir("seeds")
    try:
        ring = _key_ring(settings, made_once=not given.encryption_keys)
        intake = read_intake(seeds, resource_dir("seeds"))
        check_confirmed(settings, "confirmed_privacy_text", intake.consent.version)
        knowledge = read_knowledge(seeds, resource_dir("seeds"), intake=intake)
    except ValueError as problem:
        raise BadSettings(str(problem)) from None
    places = KnownPlaces(Gazetteer.open())
    points = PointIndex(places)
    regions = RegionIndex(partial(regions_in_use, settings.instance / REGIONS))
    offline = OfflineGeocoder(places, list_addresses, points=points.locate, regions=regions)
    geocoder, online = with_online(offline, settings)
    app.extensions["clinicdir"] = Parts(settings, intake, knowledge, seeds, geocoder, online)
    init_db(app, ring, settings.instance)
    Migrate(app, db, directory=str(resource_dir("migrations")), render_item=render_item)

    watching.init_app(app)
    init_security(app, settings)
    login.init_app(app)
    _register_pages(app)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals |= {"settings": settings, "online": online}
    for module in (assets, compression, filters, ladders, language, errors, going_on):
        module.init_app(app)
    cli.init_app(app)
    return app


def _key_ring(settings: Settings, *, made_once: bool) -> KeyRing:
    """Return the ring of the keys that are set, or of the file of those that were made once."""
    if made_once:
        return FileKeyRing(settings.instance / KEY_FILE)
    return KeyRing(key.get_secret_value() for key in settings.encryption_keys)


def _register_pages(app: Flask) -> None:
    register(app, public.bp, OPEN)
    register(app, staff.bp, SIGNED_IN, url_prefix="/staff")
    for bp in (invitation.bp, second_factor.bp, lock.bp):
        register(app, bp, OPEN, url_prefix="/staff")
    for bp in (api.bp, health.bp, metrics.bp, fax_status.bp):
        register(app, bp, OPEN)


def _flask_config(settings: Settings) -> dict[str, object]:
    https = settings.url.startswith("https://")
    return {
        "SECRET_KEY": settings.secret_key.get_secret_value() if settings.secret_key else None,
        "SECRET_KEY_FALLBACKS": [key.get_secret_value() for key in settings.secret_key_fallbacks],
        "SQLALCHEMY_DATABASE_URI": settings.database,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(settings.database),
        "MAX_CONTENT_LENGTH": MAX_BODY_BYTES,
        "MAX_FORM_MEMORY_SIZE": MAX_BODY_BYTES,
        "MAX_FORM_PARTS": 200,
        # The prefix makes browsers refuse the cookie from any other host or over plain HTTP.
        "SESSION_COOKIE_NAME": "__Host-clinicdir" if https else "clinicdir",
        "SESSION_COOKIE_SECURE": https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "WTF_CSRF_TIME_LIMIT": None,  # a form may lie open for hours
        "WTF_CSRF_CHECK_DEFAULT": False,  # web/security.py asks, and keeps what was typed
        "WTF_CSRF_SSL_STRICT": False,  # Sec-Fetch-Site and Origin are checked instead
    }
