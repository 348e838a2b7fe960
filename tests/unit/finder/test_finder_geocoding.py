"""The ladder: a clinic's own address, then a ZIP, then a city, and never the network."""

import socket
from dataclasses import dataclass, replace

import pytest
from geopy.exc import GeocoderUnavailable  # type: ignore[import-untyped]
from geopy.geocoders.base import Geocoder  # type: ignore[import-untyped]

from clinicdir.finder.gazetteer import Gazetteer
from clinicdir.finder.geocoding import NoNetworkAdapter, OfflineGeocoder
from clinicdir.finder.queries import locate
from clinicdir.finder.rules import Level, Origin, ParsedLine, Position, haversine_m


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
    origin = locate("8180 304th Ave SE, Preston, WA 98050", geocoder=make_geocoder(*SIX))
    assert origin is not None
    assert (origin.level, origin.matched) == (Level.GRID, "8180 304th Ave SE, 98050")


def test_own_address_in_another_state_is_not_the_clinic() -> None:
    origin = locate("2211 5th Ave, Seattle, OR 98121", geocoder=make_geocoder(*SIX))
    assert origin is not None
    assert (origin.level, origin.matched) == (Level.STREET, "2211 5th Ave, 98121")


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
    origin = locate("332 Burnett Ave S, Renton 98057", geocoder=make_geocoder(clinic))
    assert origin is not None
    assert (origin.level, origin.matched) == (Level.POSTAL_CODE, "98057")


@pytest.mark.parametrize(
    "text", ["97205", "Portland, OR 97205", "97205 Portland", "1 Unknown St, Portland 97205-1234"]
)
def test_zip_outside_all_regions_is_its_point_and_nothing_more_is_claimed(text: str) -> None:
    place = GAZETTEER.postal_code("97205")
    assert place is not None
    assert locate(text, geocoder=make_geocoder(*SIX)) == Origin(
        Level.POSTAL_CODE, place.latitude, place.longitude, 4500, "97205"
    )


@pytest.mark.parametrize(
    "text", ["98057", "Renton, WA 98057", "98057 Renton", "1 Unknown Sq, Renton, WA 98057-1234"]
)
def test_zip_of_a_region_is_the_middle_of_its_addresses(text: str) -> None:
    geocoder = make_geocoder(*SIX)
    origin = locate(text, geocoder=geocoder)
    assert origin == locate("98057", geocoder=geocoder)
    assert origin is not None
    assert (origin.level, origin.matched, origin.alternatives) == (
        Level.POSTAL_CODE,
        "98057",
        (),
    )
    # Within the size of Renton around its city hall.
    assert haversine_m(origin.position, Position(47.4734, -122.2198)) < 2_000


@pytest.mark.parametrize(
    ("text", "level", "matched"),
    [
        ("13100 NE 20th St, Bellevue, WA 98005", Level.GRID, "13100 NE 20th St, 98005"),
        ("13100 northeast 20th st bellevue wa 98005", Level.GRID, "13100 NE 20th St, 98005"),
        ("13100 NE 20th St #4, 98005", Level.GRID, "13100 NE 20th St, 98005"),
        ("13100 NE 20th St, Bellevue", Level.GRID, "13100 NE 20th St, 98005"),
        ("13100 ne 20 bellevue 98005", Level.GRID, "13100 NE 20th, 98005"),
        ("3700 Rainier Ave S, Seattle 98144", Level.STREET, "3700 Rainier Ave S, 98144"),
        ("3700 rainier ave s seattle", Level.STREET, "3700 Rainier Ave S, 98144"),
        ("704 E Thomas Seattle 98102", Level.POSTAL_CODE, "98102"),
        ("13100 NE 20th St, Bellevue 99999", Level.GRID, "13100 NE 20th St, 98005"),
    ],
)
def test_region_places_a_street(text: str, level: Level, matched: str) -> None:
    origin = locate(text, geocoder=make_geocoder(*SIX))
    assert origin is not None
    assert (origin.level, origin.matched, origin.alternatives) == (level, matched, ())


@pytest.mark.parametrize(
    ("text", "matched", "south", "west", "within_m"),
    [
        # Factoria Blvd SE counts southwards from Main St: 3700 stands 37 blocks below it.
        ("3700 Factoria Blvd SE, Bellevue", "Bellevue, WA", 47.577, -122.169, 3_000),
        ("3500 S Genesee St, Seattle", "Seattle, WA", 47.564, -122.287, 3_000),
        ("5600 Fauntleroy Way SW, Seattle", "Seattle, WA", 47.551, -122.387, 3_000),
    ],
)
def test_city_with_a_street_on_one_axis_is_moved_there(
    text: str, matched: str, south: float, west: float, within_m: int
) -> None:
    origin = locate(text, geocoder=make_geocoder(*SIX))
    assert origin is not None
    assert (origin.level, origin.matched) == (Level.CITY, matched)
    off_m = haversine_m(origin.position, Position(south, west))
    assert off_m < within_m < origin.error_m


def test_street_that_two_directions_fit_in_a_city_becomes_a_question() -> None:
    origin = locate("13100 20th St, Bellevue", geocoder=make_geocoder(*SIX))
    assert origin is not None
    assert (origin.matched, origin.alternatives) == (
        "13100 NE 20th St, 98005",
        ("13100 SE 20th St, 98006",),
    )


def test_street_that_reaches_no_part_of_the_city_is_the_city() -> None:
    origin = locate("30000 S 500th Pl, Bellevue", geocoder=make_geocoder(*SIX))
    assert origin is not None
    assert (origin.level, origin.position) == (
        Level.CITY,
        GAZETTEER.cities("Bellevue", "WA")[0].position,
    )


def test_missing_direction_becomes_a_question() -> None:
    origin = locate("13100 20th St, Bellevue, WA 98005", geocoder=make_geocoder(*SIX))
    assert origin is not None
    assert (origin.level, origin.matched, origin.alternatives) == (
        Level.POSTAL_CODE,
        "98005",
        ("13100 NE 20th St, 98005", "13100 SE 20th St, 98005"),
    )


def test_missing_direction_that_leaves_one_street_is_asked_there() -> None:
    geocoder = make_geocoder(*SIX)
    origin = locate("13100 85th St, Kirkland, WA 98033", geocoder=geocoder)
    meant = locate("13100 NE 85th St, Kirkland, WA 98033", geocoder=geocoder)
    assert origin is not None
    assert meant is not None
    assert (origin.level, origin.position) == (Level.POSTAL_CODE, meant.position)
    assert (meant.level, origin.alternatives) == (Level.GRID, ("13100 NE 85th St, 98033",))


def test_zip_far_from_the_typed_city_names_the_city_too() -> None:
    geocoder = make_geocoder(*SIX)
    inside = locate("98122, Bellevue, WA", geocoder=geocoder)
    far = locate("1 Unknown Sq, Covington, WA 98101", geocoder=geocoder)
    outside = locate("1 Unknown Sq, Seattle, WA 97205", geocoder=geocoder)
    assert [origin and origin.alternatives for origin in (inside, far, outside)] == [
        (),
        ("Covington, WA",),
        ("Seattle, WA",),
    ]


@pytest.mark.parametrize(
    ("text", "matched", "alternatives"),
    [
        ("Bellvue", "Bellevue, WA", ("Bellvue, CO",)),
        ("Rentno", "Renton, WA", ()),
        ("1 Unknown Sq, Issaqauh", "Issaquah, WA", ()),
        ("Seatle, WA", "Seattle, WA", ()),
        ("Salem", "Salem, OR", ("Salem, MA", "Salem, NH")),
    ],
)
def test_mistyped_city_is_the_likeliest_and_the_others_are_named(
    text: str, matched: str, alternatives: tuple[str, ...]
) -> None:
    origin = locate(text, geocoder=make_geocoder(*SIX))
    assert origin is not None
    assert (origin.level, origin.matched) == (Level.CITY, matched)
    assert origin.alternatives[: len(alternatives)] == alternatives


def test_points_are_asked_before_the_grid() -> None:
    known = Origin(Level.INTERPOLATED, 47.6, -122.1, 30, "13100 NE 20th St")
    asked = []

    def points(parsed: ParsedLine) -> Origin | None:
        asked.append(parsed.street_key)
        return known

    geocoder = OfflineGeocoder(GAZETTEER, lambda: SIX, points=points)
    assert locate("13100 NE 20th St, Bellevue, WA 98005", geocoder=geocoder) == known
    assert asked == ["NE 20TH ST"]


def test_own_addresses_are_read_once_a_second() -> None:
    reads = []

    def read() -> tuple[Clinic, ...]:
        reads.append(1)
        return SIX

    geocoder = OfflineGeocoder(GAZETTEER, read)
    for _ in range(5):
        assert locate("2211 5th Ave", geocoder=geocoder) is not None
    assert len(reads) == 1


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
    location = make_geocoder(*SIX).geocode("97205")
    place = GAZETTEER.postal_code("97205")
    assert place is not None
    assert (location.address, location.point.latitude, location.point.longitude) == (
        "97205",
        place.latitude,
        place.longitude,
    )
    assert location.raw == {
        "level": "postal_code",
        "error_m": 4500,
        "matched": "97205",
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
    assert [found("2211 5th Ave"), found("97205"), found("Kirkland"), found("Zuerich")] == [
        ("point", 40, "2211 5th Ave, Seattle, WA 98121"),
        ("postal_code", 4500, "97205"),
        ("city", 4500, "Kirkland, WA"),
        None,
    ]
