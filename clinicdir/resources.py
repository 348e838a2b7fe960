"""Finds the folders that stand beside the package in a checkout and inside it in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource_dir(name: str) -> Path:
    """Return the folder `name` (templates, static, seeds, migrations), or raise FileNotFoundError.

    A wheel carries these folders in the package; a checkout has them one level up.
    """
    for folder in (_PACKAGE / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    message = f"The folder {name}/ is missing from this installation. Install clinicdir again."
    raise FileNotFoundError(message)
