"""The text that Prometheus reads."""

import math

import pytest

from clinicdir.web.exposition import Family, render
from tests.exposition import read


def test_page_is_as_the_format_wants_it() -> None:
    waits = Family("waits", "gauge", "What \\ waits.\nNow.")
    waits.add(2, {"by": 'a"b\\c\nd', "of": "x"})
    waits.add(0.5)
    empty = Family("nothing", "gauge", "Nothing.")
    assert render([waits, empty]) == (
        "# HELP waits What \\\\ waits.\\nNow.\n"
        "# TYPE waits gauge\n"
        'waits{by="a\\"b\\\\c\\nd",of="x"} 2\n'
        "waits 0.5\n"
    )
    assert read(render([waits])) == {'waits{by="a\\"b\\\\c\\nd",of="x"}': 2, "waits": 0.5}


def test_numbers_beyond_numbers_have_their_own_words() -> None:
    odd = Family("odd", "gauge", "Odd.")
    for value in (math.inf, -math.inf, math.nan, 1e-7, 1e300):
        odd.add(value)
    values = [line.rpartition(" ")[2] for line in odd.lines]
    assert values == ["+Inf", "-Inf", "NaN", "1e-07", "1e+300"]


@pytest.mark.parametrize(
    "page",
    [
        "# HELP a A.\n# TYPE a gauge\na 1",
        "a 1\n",
        "# HELP a A.\n# TYPE a gauge\na 1\na 2\n",
        "# HELP a A.\n# TYPE a counter\na 1\n",
        '# HELP a A.\n# TYPE a gauge\na{b="c"d"} 1\n',
        "# HELP a A.\n# TYPE a gauge\na{b=1} 1\n",
    ],
)
def test_reader_of_the_tests_takes_no_other_page(page: str) -> None:
    with pytest.raises((AssertionError, IndexError, KeyError)):
        read(page)
