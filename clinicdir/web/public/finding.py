"""The finder's pages: the start page with its form, and the clinics near a place."""

from collections.abc import Iterable
from dataclasses import dataclass

from flask import render_template, request
from flask.typing import ResponseReturnValue

from clinicdir.appointments.answers import showable
from clinicdir.errors import marked
from clinicdir.finder.queries import Nearest, find_nearest, locate, locate_position
from clinicdir.finder.rules import Level, Origin, is_coarse, parse_line
from clinicdir.locations.models import Location
from clinicdir.locations.queries import list_locations, organization_name, sharing_counts
from clinicdir.locations.rules import TelecomSystem
from clinicdir.web.errors import remember_phones
from clinicdir.web.language import gettext
from clinicdir.web.paging import after
from clinicdir.web.parts import parts
from clinicdir.web.public.blueprint import bp

PAGE_SIZE = 20
LONGEST_ADDRESS = 200
# The page's script rounds to three decimals, which is up to 70 m off, and a device is never exact.
_LEAST_DEVICE_ERROR_M = 100
_MOST_DEVICE_ERROR_M = 100_000
_LONGEST_NUMBER = 30

_LEVEL_WORDS = {
    Level.POINT: marked("We found that address."),
    Level.INTERPOLATED: marked("We placed it between two house numbers that we know."),
    Level.NEAR_NUMBER: marked(
        "We do not know that house number and used the nearest one that we know on the street."
    ),
    Level.STREET: marked("We know the street but not the house number, and used its middle."),
    Level.GRID: marked("We placed it by its house number and the number of its street."),
    Level.POSTAL_CODE: marked("We used the middle of the ZIP code."),
    Level.CITY: marked("We used the middle of the city."),
    Level.POSITION: marked("We used the place that your device told us, and have not kept it."),
    Level.ONLINE: marked("We looked the address up with %(service)s."),
}


@dataclass(frozen=True)
class Found:
    """What the finder made of a typed line: where it is, if known, and the clinics from there."""

    origin: Origin | None
    results: list[Nearest[Location]]

    @property
    def level_words(self) -> str:
        """Return the sentence that says how the place was found, empty for an unknown one."""
        if self.origin is None:
            return ""
        service = parts().online
        words = _LEVEL_WORDS[self.origin.level]
        return gettext(words, service=service.name if service else gettext("an online service"))

    @property
    def choices(self) -> list[str]:
        """Return the places that may have been meant, each as it can be looked up."""
        if self.origin is None or not self.origin.alternatives:
            return []
        others = self.origin.alternatives
        # The place that was taken is one of them, unless it is only the ZIP or city around them.
        is_one = _is_address(self.origin.matched) == _is_address(others[0])
        taken = [self.origin.matched] if is_one and self.origin.level != Level.POSTAL_CODE else []
        return list(dict.fromkeys(showable(text) for text in (*taken, *others)))

    @property
    def short_choices(self) -> list[str]:
        """Return the same places without what all have in common."""
        return _without_common_parts(self.choices)


@bp.get("/")
def home() -> str:
    """Show the finder and the clinics, or what is near a ZIP code or a city."""
    near = request.args.get("near", "").strip()[:LONGEST_ADDRESS]
    # A house number in a URL stands in logs and histories already: we neither use nor repeat it.
    if near and is_coarse(parse_line(near)):
        return _results_page(locate(near, geocoder=parts().geocoder), typed=near)
    return _start_page(refused_address=bool(near))


@bp.get("/locations/")
def all_locations() -> str:
    """Show the clinics without a search, under the address that people guess."""
    return home()


@bp.post("/find")
def find() -> ResponseReturnValue:
    """Answer a street address or a device's place directly; it is in no URL, log or row."""
    if "latitude" in request.form or "longitude" in request.form:
        origin = _device_place()
        if origin is None:
            return _refuse(gettext("We could not read that place. Type where you are."))
        return _results_page(origin)
    typed = request.form.get("address", "").strip()
    if not typed:
        return _refuse(gettext("Enter a ZIP code, a city or a street address"))
    if len(typed) > LONGEST_ADDRESS:
        return _refuse(gettext("Enter no more than 200 characters"), typed=typed)
    return _results_page(locate(typed, geocoder=parts().geocoder), typed=typed)


def _refuse(error: str, typed: str = "") -> ResponseReturnValue:
    page = _start_page(error=error, typed=typed[:LONGEST_ADDRESS])
    return page, 422, {"Cache-Control": "no-store"}


def _start_page(*, error: str = "", typed: str = "", refused_address: bool = False) -> str:
    locations = list_locations(limit=PAGE_SIZE + 1, after=after())
    remember_phones(locations)
    page, more = locations[:PAGE_SIZE], len(locations) > PAGE_SIZE
    return render_template(
        "public/home.html",
        group=organization_name(),
        locations=page,
        next_after=page[-1].ordinal if more else None,
        sharing=_sharing(page),
        refused_address=refused_address,
        error=error,
        typed=showable(typed),
    )


def _results_page(origin: Origin | None, *, typed: str = "") -> str:
    found = Found(origin, find_nearest(origin, limit=PAGE_SIZE))
    shown = [result.location for result in found.results]
    remember_phones(shown)
    return render_template(
        "public/results.html",
        group=organization_name(),
        typed="" if origin else showable(typed),
        found=found,
        sharing=_sharing(shown),
    )


def _device_place() -> Origin | None:
    """Return the place that a device sent, None for what is on no map."""
    try:
        latitude, longitude = (
            float(request.form.get(name, "")[:_LONGEST_NUMBER])
            for name in ("latitude", "longitude")
        )
        accuracy_m = float(request.form.get("accuracy", "0")[:_LONGEST_NUMBER])
        # Not-a-number is neither more nor less than anything, and falls to the least.
        error_m = min(max(_LEAST_DEVICE_ERROR_M, accuracy_m), _MOST_DEVICE_ERROR_M)
        # Rounded here too: whoever sends more has not read our script.
        return locate_position(round(latitude, 3), round(longitude, 3), error_m=round(error_m))
    except ValueError:
        return None


def _sharing(locations: Iterable[Location]) -> dict[str, int]:
    phones = {location.telecom_value(TelecomSystem.PHONE) for location in locations}
    return sharing_counts(among=phones - {None})  # type: ignore[arg-type]  # mypy keeps the None


def _is_address(text: str) -> bool:
    return parse_line(text).has_street_number


def _without_common_parts(choices: list[str]) -> list[str]:
    """Return "NE 20th St" and "SE 20th St" for two addresses that differ in their streets."""
    streets, ends = zip(*(_halves(choice) for choice in choices), strict=True)
    numbers = {street.partition(" ")[0] for street in streets}
    names = [street.partition(" ")[2] for street in streets]
    if len(numbers) == 1 and numbers.pop().isdigit() and len(set(names)) == len(names):
        return names
    return list(streets) if len(choices) > 1 and len(set(ends)) == 1 else choices


def _halves(choice: str) -> tuple[str, str]:
    street, _, end = choice.partition(",")
    return street, end
