"""The secrets that nobody set: made once in the instance folder, where that is allowed."""

import os
import secrets
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from clinicdir.settings.fields import Settings

KEY_FILE = "encryption_keys"  # of the instance folder, where none are set


def complete_secrets(settings: Settings, make_key: Any) -> Settings:  # noqa: ANN401
    """Return the settings with secret and encryption keys, made once where that is allowed."""
    made: dict[str, Any] = {}
    if settings.secret_key is None:
        made["secret_key"] = SecretStr(
            _kept(settings.instance / "secret_key", lambda: secrets.token_urlsafe(48))
        )
    if not settings.encryption_keys:
        lines = _kept(settings.instance / KEY_FILE, make_key).split()
        made["encryption_keys"] = tuple(SecretStr(line) for line in lines)
    return settings.model_copy(update=made)


def _kept(path: Path, make: Any) -> str:  # noqa: ANN401
    """Return the text of a secret file, written once with mode 0600; two processes agree."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    if not path.exists():
        descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(make() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(own, path)  # fails where another process was first; then its text counts
        except FileExistsError:
            pass
        finally:
            own.unlink()
    return path.read_text().strip()
