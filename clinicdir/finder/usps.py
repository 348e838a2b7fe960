"""The words of US addresses, as USPS Publication 28 abbreviates them."""


def _pairs(text: str) -> dict[str, str]:
    """Return a table that was written as "LONG SHORT, LONG SHORT"."""
    return dict(entry.split() for entry in text.split(","))


_SUFFIX_OF = _pairs(
    "ALLEY ALY, AVENUE AVE, AV AVE, BOULEVARD BLVD, CIRCLE CIR, COURT CT, DRIVE DR,"
    "EXPRESSWAY EXPY, EXTENSION EXT, HIGHWAY HWY, LANE LN, LOOP LOOP, PARKWAY PKWY,"
    "PLACE PL, PLAZA PLZ, ROAD RD, SQUARE SQ, STREET ST, STR ST, TERRACE TER, TRAIL TRL,"
    "TURNPIKE TPKE, WAY WAY"
)
_DIRECTION_OF = _pairs(
    "NORTH N, SOUTH S, EAST E, WEST W, NORTHEAST NE, NORTHWEST NW, SOUTHEAST SE, SOUTHWEST SW"
)
_OTHER_SHORT_OF = _pairs(
    "FIRST 1ST, SECOND 2ND, THIRD 3RD, FOURTH 4TH, FIFTH 5TH, SIXTH 6TH, SEVENTH 7TH,"
    "EIGHTH 8TH, NINTH 9TH, TENTH 10TH, APARTMENT APT, SUITE STE, ROOM RM, FLOOR FL,"
    "BUILDING BLDG, SPACE SPC, SAINT ST, FORT FT, MOUNT MT"
)
SHORT_OF = _SUFFIX_OF | _DIRECTION_OF | _OTHER_SHORT_OF
SUFFIXES = frozenset(_SUFFIX_OF.values())
DIRECTIONS = frozenset(_DIRECTION_OF.values())
# Without a number these end the names of towns (Federal Way, University Place) more often.
TOWN_SUFFIXES = frozenset({"CIR", "PL", "SQ", "TER", "WAY"})
COUNTRY_NAMES = frozenset(
    {("USA",), ("US",), ("UNITED", "STATES"), ("UNITED", "STATES", "OF", "AMERICA")}
)
STATE_NAMES = {
    "AL": "Alabama",
    "AK": "Alaska",
    "AZ": "Arizona",
    "AR": "Arkansas",
    "CA": "California",
    "CO": "Colorado",
    "CT": "Connecticut",
    "DE": "Delaware",
    "DC": "District of Columbia",
    "FL": "Florida",
    "GA": "Georgia",
    "HI": "Hawaii",
    "ID": "Idaho",
    "IL": "Illinois",
    "IN": "Indiana",
    "IA": "Iowa",
    "KS": "Kansas",
    "KY": "Kentucky",
    "LA": "Louisiana",
    "ME": "Maine",
    "MD": "Maryland",
    "MA": "Massachusetts",
    "MI": "Michigan",
    "MN": "Minnesota",
    "MS": "Mississippi",
    "MO": "Missouri",
    "MT": "Montana",
    "NE": "Nebraska",
    "NV": "Nevada",
    "NH": "New Hampshire",
    "NJ": "New Jersey",
    "NM": "New Mexico",
    "NY": "New York",
    "NC": "North Carolina",
    "ND": "North Dakota",
    "OH": "Ohio",
    "OK": "Oklahoma",
    "OR": "Oregon",
    "PA": "Pennsylvania",
    "PR": "Puerto Rico",
    "RI": "Rhode Island",
    "SC": "South Carolina",
    "SD": "South Dakota",
    "TN": "Tennessee",
    "TX": "Texas",
    "UT": "Utah",
    "VT": "Vermont",
    "VA": "Virginia",
    "WA": "Washington",
    "WV": "West Virginia",
    "WI": "Wisconsin",
    "WY": "Wyoming",
}
