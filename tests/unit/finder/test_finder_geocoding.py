"""The ladder: a clinic's own address, then a ZIP, then a city, and never the network."""

import socket
from dataclasses import dataclass, replace

import pytest
from geopy.exc import GeocoderUnavailable  # type: ignore[import-untyped]
from geopy.geocoders.base import Geocoder  # type: ignore[import-untyped]

from clinicdir.finder.gazetteer import Gazetteer
from clinicdir.finder.geocoding import NoNetworkAdapter, OfflineGeocoder
from clinicdir.finder.queries import locate
from clinicdir.finder.rules import Level, Origin


@dataclass(frozen=True)
class Clinic:
    """One clinic of the group, as the database would give it."""

    line: str
    city: str
    postal_code: str
    latitude: float | None
    longitude: float | None
    position_error_m: int | None
    state: str = "WA"


FIFTH_AVE = Clinic("2211 5th Ave", "Seattle", "98121", 47.61528, -122.34246, 40)
BELLEVUE = Clinic("13112 NE 20th St", "Bellevue", "98005", 47.62847, -122.165704, 30)
RENTON = Clinic("332 Burnett Ave S", "Renton", "98057", 47.478649, -122.207544, 15)
ISSAQUAH = Clinic("8180 304th Ave SE", "Issaquah", "98027", 47.5272, -121.9360, 250)
CALIFORNIA = Clinic("2222 California Ave SW", "Seattle", "98116", 47.583243, -122.385991, 20)
COVINGTON = Clinic("17709 SE 272nd St", "Covington", "98042", 47.3576, -122.1050, 100)
SIX = (FIFTH_AVE, BELLEVUE, RENTON, ISSAQUAH, CALIFORNIA, COVINGTON)
GAZETTEER = Gazetteer.open()


def make_geocoder(*clinics: Clinic) -> OfflineGeocoder:
    """Return the offline ladder over the shipped places and these clinics."""
    return OfflineGeocoder(GAZETTEER, lambda: clinics)


def found(text: str, *clinics: Clinic) -> tuple[str, int, str] | None:
    """Return level, error in metres and matched text of a line."""
    origin = locate(text, geocoder=make_geocoder(*(clinics or SIX)))
    return None if origin is None else (origin.level.value, origin.error_m, origin.matched)


@pytest.mark.parametrize("clinic", SIX)
@pytest.mark.parametrize(
    "form",
    [
        "{0.line}, {0.city}, {0.state} {0.postal_code}",
        "{0.line} {0.city} {0.state}",
        "{0.line}, {0.postal_code}",
        "{0.line}, Suite C, {0.city}",
        "{0.line} #400",
    ],
)
def test_own_address_is_a_point_with_the_clinics_error(clinic: Clinic, form: str) -> None:
    label = f"{clinic.line}, {clinic.city}, WA {clinic.postal_code}"
    assert locate(form.format(clinic), geocoder=make_geocoder(*SIX)) == Origin(
        Level.POINT,
        clinic.latitude or 0,
        clinic.longitude or 0,
        clinic.position_error_m or 0,
        label,
    )


def test_own_address_with_another_zip_and_city_is_not_the_clinic() -> None:
    assert found("8180 304th Ave SE, Preston, WA 98050") == ("postal_code", 4500, "98050")


def test_own_address_in_another_state_is_not_the_clinic() -> None:
    assert found("2211 5th Ave, Seattle, OR 98121") == ("postal_code", 4500, "98121")


def test_own_address_with_the_right_city_and_a_slip_in_the_zip_is_the_clinic() -> None:
    assert found("332 Burnett Ave S, Renton, WA 98058") == (
        "point",
        15,
        "332 Burnett Ave S, Renton, WA 98057",
    )


def test_own_address_without_a_suffix_or_comma_is_told_from_its_city() -> None:
    broadway = Clinic("1101 Madison", "Seattle", "98104", 47.61, -122.32, 10)
    assert found("1101 madison seattle wa 98104", broadway) == (
        "point",
        10,
        "1101 Madison, Seattle, WA 98104",
    )


def test_own_address_that_two_clinics_share_names_the_other() -> None:
    twin = replace(FIFTH_AVE, city="Tacoma", postal_code="98402")
    origin = locate("2211 5th Ave", geocoder=make_geocoder(FIFTH_AVE, twin))
    assert origin is not None
    assert origin.alternatives == ("2211 5th Ave, Tacoma, WA 98402",)


@pytest.mark.parametrize("missing", ["latitude", "longitude", "position_error_m"])
def test_own_address_without_a_known_position_falls_to_the_zip(missing: str) -> None:
    clinic = replace(RENTON, **{missing: None})  # type: ignore[arg-type]
    assert found("332 Burnett Ave S, Renton 98057", clinic) == ("postal_code", 4500, "98057")


@pytest.mark.parametrize(
    "text", ["98057", "Renton, WA 98057", "98057 Renton", "1 Unknown St, Renton, WA 98057-1234"]
)
def test_zip_is_matched_and_nothing_more_is_claimed(text: str) -> None:
    assert locate(text, geocoder=make_geocoder(*SIX)) == Origin(
        Level.POSTAL_CODE, 47.4714, -122.2203, 4500, "98057"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Near Kirkland", "Kirkland, WA"),
        ("Seattle WA", "Seattle, WA"),
        ("Seattle, Washington", "Seattle, WA"),
        ("covington", "Covington, WA"),
        ("Bellevue", "Bellevue, WA"),
        ("Bellevue, Nebraska", "Bellevue, NE"),
        ("Port Washington", "Port Washington, NY"),
        ("Renton 99999", "Renton, WA"),
        ("1 Unknown St, Renton", "Renton, WA"),
        ("1101 Madison Seattle", "Seattle, WA"),
        ("1101 Madison Portland OR", "Portland, OR"),
    ],
)
def test_city_is_found_in_the_state_typed_or_the_clinics_own(text: str, expected: str) -> None:
    origin = locate(text, geocoder=make_geocoder(*SIX))
    assert origin is not None
    assert (origin.level, origin.matched) == (Level.CITY, expected)


def test_city_claims_its_spread_but_never_less_than_a_zip() -> None:
    assert [found("Seattle"), found("Covington")] == [
        ("city", 16814, "Seattle, WA"),
        ("city", 4500, "Covington, WA"),
    ]


def test_city_in_no_clinics_state_names_the_others() -> None:
    origin = locate("Bellevue", geocoder=make_geocoder(replace(RENTON, state="TN")))
    assert origin is not None
    assert (origin.matched, origin.alternatives[:2]) == (
        "Bellevue, WA",
        ("Bellevue, NE", "Bellevue, WI"),
    )
    assert len(origin.alternatives) == 10


@pytest.mark.parametrize(
    "text", ["", "99999", "WA", "Zuerich", "13112 Broadway", "100 Luther King", "5th Ave", "\x00"]
)
def test_unknown_line_is_not_found(text: str) -> None:
    assert found(text) is None


def test_geocode_answers_in_geopys_own_form() -> None:
    location = make_geocoder(*SIX).geocode("98057")
    assert (location.address, location.point.latitude, location.point.longitude) == (
        "98057",
        47.4714,
        -122.2203,
    )
    assert location.raw == {
        "level": "postal_code",
        "error_m": 4500,
        "matched": "98057",
        "alternatives": [],
    }


def test_geocode_gives_a_list_when_asked_for_all() -> None:
    geocoder = make_geocoder(*SIX)
    assert geocoder.geocode("98057", exactly_one=False) == [geocoder.geocode("98057")]
    assert geocoder.geocode("99999", exactly_one=False) is None


def test_geocoder_is_one_of_geopys() -> None:
    geocoder = make_geocoder()
    assert isinstance(geocoder, Geocoder)
    with pytest.raises(NotImplementedError):
        geocoder.reverse((47.6, -122.3))


def test_adapter_refuses_every_request() -> None:
    adapter = NoNetworkAdapter(proxies=None, ssl_context=None)
    for ask in (adapter.get_json, adapter.get_text):
        with pytest.raises(GeocoderUnavailable, match="uses no network"):
            ask("https://example.org", timeout=1, headers={})


def test_locate_opens_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        pytest.fail("The finder opened a socket.")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert [found("2211 5th Ave"), found("98057"), found("Kirkland"), found("Zuerich")] == [
        ("point", 40, "2211 5th Ave, Seattle, WA 98121"),
        ("postal_code", 4500, "98057"),
        ("city", 4500, "Kirkland, WA"),
        None,
    ]
