"""Where a clinic's address lies: the finder's answer, shown before anything of it is stored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from wtforms import BooleanField, HiddenField, StringField

from clinicdir.errors import FieldError, Invalid
from clinicdir.finder.queries import Nearest, find_nearest, locate, locate_position
from clinicdir.finder.rules import Level, Position, haversine_m
from clinicdir.locations.address import Address, Pin, check_address, check_pin, pin_of
from clinicdir.locations.models import Location
from clinicdir.web.forms import Form
from clinicdir.web.parts import parts

ADDRESS_FIELDS = ("name", "line", "unit", "city", "state", "postal_code")
# Kilometres off: such a point would rank the clinic wrongly for most patients near it.
_TOO_COARSE = frozenset({Level.POSTAL_CODE, Level.CITY})
_NEIGHBOURS = 2
_DECIMALS = 5  # about a metre


class AddressForm(Form):
    """A name, an address and its point, with the address and the point that the page showed."""

    name = StringField()
    line = StringField()
    unit = StringField()
    city = StringField()
    state = StringField()
    postal_code = StringField()
    latitude = StringField()
    longitude = StringField()
    checked = BooleanField()
    shown = HiddenField()
    shown_at = HiddenField()

    def show(self, address_line: str, pin: Pin) -> None:
        """Write a point into the fields, both empty where there is none, and what it is of."""
        self.latitude.data, self.longitude.data = _degrees(pin.latitude), _degrees(pin.longitude)
        self.shown.data, self.shown_at.data = address_line, self._point

    def typed(self) -> dict[str, str]:
        """Return what was typed, under the names that the rules have."""
        names = (*ADDRESS_FIELDS, "latitude", "longitude")
        return {name: str(self[name].data or "") for name in names}

    @property
    def has_own_point(self) -> bool:
        """Say whether a person typed a point, other than the one that the page showed."""
        return self._point not in ("", self.shown_at.data)

    @property
    def _point(self) -> str:
        return f"{self.latitude.data or ''} {self.longitude.data or ''}".strip()


@dataclass(frozen=True)
class Look:
    """What the finder says of an address: a point or none, how far it moved, and its neighbours."""

    pin: Pin | None
    moved_m: int | None
    near: Sequence[Nearest[Location]]


def check_typed(
    form: AddressForm, rules: Callable[[Mapping[str, str]], Address] = check_address
) -> Address:
    """Return the address, or raise Invalid with what the rules or its point refuse."""
    typed, errors = form.typed(), list[FieldError]()
    for check in (rules, check_pin):
        try:
            check(typed)
        except Invalid as refusal:
            errors += refusal.errors
    if errors:
        raise Invalid(*errors)
    return rules(typed)


def look_first(form: AddressForm, address: Address, location: Location | None) -> Look | None:
    """Return what there is to look at before saving, None where there is nothing new to see.

    The finder's point is put into the form, unless a person has typed one there.
    """
    if form.shown.data == address.in_one_line or form.has_own_point:
        return None
    pin = _found(address)
    form.show(address.in_one_line, pin or Pin())
    form.checked.data = False
    if pin is None:
        return Look(None, None, ())
    here = _position(pin)
    before = _position(pin_of(location)) if location else None
    moved_m = round(haversine_m(before, here)) if before and here else None
    origin = locate_position(pin.latitude or 0, pin.longitude or 0)
    near = find_nearest(origin, limit=_NEIGHBOURS + 1)
    others = [one for one in near if location is None or one.location.id != location.id]
    return Look(pin, moved_m, others[:_NEIGHBOURS])


def chosen_pin(form: AddressForm, address: Address, present: Pin) -> Pin:
    """Return the point to be stored, or raise Invalid; it is a guess until a person has checked.

    Degrees that the finder or the database gave keep their source and how far they may be off.
    """
    typed = check_pin(form.typed())
    if typed.latitude is None:
        return typed
    known = filter(None, (present, _found(address)))
    pin = next((pin for pin in known if _position(pin) == _position(typed)), typed)
    return replace(pin, position_is_estimate=False) if form.checked.data else pin


def _found(address: Address) -> Pin | None:
    """Return the finder's point of an address, None where it knows the town at best."""
    origin = locate(address.in_one_line, geocoder=parts().geocoder)
    if origin is None or origin.level in _TOO_COARSE:
        return None
    return Pin(
        latitude=round(origin.latitude, _DECIMALS),
        longitude=round(origin.longitude, _DECIMALS),
        position_source=f"found by the finder ({origin.level.value})",
        position_error_m=max(round(origin.error_m), 1),
        position_is_estimate=True,
    )


def _position(pin: Pin) -> Position | None:
    if pin.latitude is None or pin.longitude is None:
        return None
    return Position(pin.latitude, pin.longitude)


def _degrees(value: float | None) -> str:
    return "" if value is None else str(value)
