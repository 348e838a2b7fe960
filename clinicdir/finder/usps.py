"""The words of US addresses, as USPS Publication 28 abbreviates them."""


def _pairs(text: str) -> dict[str, str]:
    """Return a table that was written as "LONG SHORT, LONG SHORT"."""
    return dict(entry.split() for entry in text.split(","))


_SUFFIX_OF = _pairs(
    "ALLEY ALY, ALLY ALY, AVENUE AVE, AVENU AVE, AVEN AVE, AVN AVE, AVNUE AVE, AV AVE,"
    "BOULEVARD BLVD, BOULV BLVD, BOUL BLVD, BYPASS BYP, CAUSEWAY CSWY, CIRCLE CIR, CIRC CIR,"
    "CIRCL CIR, CRCL CIR, COURT CT, CRT CT, CRESCENT CRES, CROSSING XING, DRIVE DR, DRIV DR,"
    "DRV DR, EXPRESSWAY EXPY, EXPWY EXPY, EXTENSION EXT, FREEWAY FWY, FRWY FWY, HIGHWAY HWY,"
    "HIGHWY HWY, HIWAY HWY, HIWY HWY, HWAY HWY, LANE LN, LOOP LOOP, LOOPS LOOP, PARKWAY PKWY,"
    "PARKWY PKWY, PKWAY PKWY, PKY PKWY, PATH PATH, PLACE PL, PLAZA PLZ, PLZA PLZ, ROAD RD,"
    "ROUTE RTE, ROW ROW, SQUARE SQ, SQR SQ, STREET ST, STRT ST, STR ST, TERRACE TER, TERR TER,"
    "TRACE TRCE, TRAIL TRL, TRAILS TRL, TURNPIKE TPKE, TRNPK TPKE, WALK WALK, WAY WAY"
)
_DIRECTION_OF = _pairs(
    "NORTH N, SOUTH S, SO S, EAST E, WEST W,NORTHEAST NE, NORTHWEST NW, SOUTHEAST SE, SOUTHWEST SW"
)
_ORDINAL_OF = _pairs(
    "FIRST 1ST, SECOND 2ND, THIRD 3RD, FOURTH 4TH, FIFTH 5TH, SIXTH 6TH, SEVENTH 7TH,"
    "EIGHTH 8TH, NINTH 9TH, TENTH 10TH, ELEVENTH 11TH, TWELFTH 12TH, THIRTEENTH 13TH,"
    "FOURTEENTH 14TH, FIFTEENTH 15TH, SIXTEENTH 16TH, SEVENTEENTH 17TH, EIGHTEENTH 18TH,"
    "NINETEENTH 19TH, TWENTIETH 20TH, THIRTIETH 30TH, FORTIETH 40TH, FIFTIETH 50TH,"
    "SIXTIETH 60TH, SEVENTIETH 70TH, EIGHTIETH 80TH, NINETIETH 90TH"
)
_OTHER_SHORT_OF = _pairs(
    "APARTMENT APT, SUITE STE, ROOM RM, FLOOR FL, BUILDING BLDG, SPACE SPC, DEPARTMENT DEPT,"
    "HANGAR HNGR, TRAILER TRLR, BASEMENT BSMT, PENTHOUSE PH, SAINT ST, FORT FT, MOUNT MT"
)
SHORT_OF = _SUFFIX_OF | _DIRECTION_OF | _ORDINAL_OF | _OTHER_SHORT_OF
SUFFIXES = frozenset(_SUFFIX_OF.values())
DIRECTIONS = frozenset(_DIRECTION_OF.values())
# "Twenty First St" is 21ST ST: the first digit of a tens word, and the words that may follow it.
TENS = _pairs("TWENTY 2, THIRTY 3, FORTY 4, FIFTY 5, SIXTY 6, SEVENTY 7, EIGHTY 8, NINETY 9")
ONES = frozenset({"1ST", "2ND", "3RD", "4TH", "5TH", "6TH", "7TH", "8TH", "9TH"})
# Without a number these end the names of towns (Federal Way, University Place) more often.
TOWN_SUFFIXES = frozenset(
    {"CIR", "CRES", "PATH", "PL", "ROW", "RTE", "SQ", "TER", "TRCE", "TRL", "WALK", "WAY", "XING"}
)
# "Highway 99" and "Route 202" are names; the number belongs to them.
NUMBERED_ROADS = frozenset({"HWY", "RTE", "SR"})
# Words before a unit's number or letter, and units that need none.
UNITS = frozenset(
    {"APT", "BLDG", "DEPT", "FL", "HNGR", "LOT", "OFC", "RM", "SLIP", "SPC", "STE", "TRLR", "UNIT"}
)
LONE_UNITS = frozenset({"BSMT", "PH", "REAR"})
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
