"""The settings: read once from `CLINICDIR_…` variables, checked together, never changed."""

from clinicdir.settings.fields import PREFIX, Settings
from clinicdir.settings.keys import KEY_FILE, complete_secrets
from clinicdir.settings.loading import (
    MIN_SECRET_LENGTH,
    BadSettings,
    check_confirmed,
    check_places,
    load_settings,
)

__all__ = [
    "KEY_FILE",
    "MIN_SECRET_LENGTH",
    "PREFIX",
    "BadSettings",
    "Settings",
    "check_confirmed",
    "check_places",
    "complete_secrets",
    "load_settings",
]
