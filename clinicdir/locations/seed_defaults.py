"""What the keys stand for that a seed file may leave out; the rest of the package sees all keys."""

from typing import Any

from clinicdir.locations.seed_file import Seed

_SAID = "given in the seed file"
GROUP_DEFAULTS: dict[str, Any] = {"source": _SAID, "social_networks": []}
LOCATION_DEFAULTS: dict[str, Any] = {
    "name_source": _SAID,
    "fax": None,
    "email": None,
    "latitude": None,
    "longitude": None,
    "position_source": None,
    "position_error_m": None,
    "position_is_estimate": False,
    "hours": None,
    "status": "open",
    "source": _SAID,
    "checked_at": None,
}


def completed(file: str, content: dict[str, Any]) -> Seed:
    """Return the content of a seed file without errors, with every key that it leaves out."""
    return Seed(
        file,
        organization=_with(GROUP_DEFAULTS, content["organization"]),
        locations=[_location(entry) for entry in content["locations"]],
        unattached=content.get("unattached", []),
    )


def _location(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a location with all keys; a position without a source has the file for one."""
    told = _with(LOCATION_DEFAULTS, entry)
    told["address"] = _with({"unit": None}, entry["address"])
    if told["latitude"] is not None and told["position_source"] is None:
        told["position_source"] = _SAID
    return told


def _with(defaults: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return what is given in its order, and behind it what is not."""
    return {**given, **{key: value for key, value in defaults.items() if key not in given}}
