"""Whatever is seen of an arrival: one sign more never makes it look more like a person's."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from clinicdir.appointments.suspicion import Signs, points_of, suspicions_of

COUNTS = st.integers(0, 50)
SIGNS = st.builds(
    Signs,
    honeypot=st.booleans(),
    seconds=st.none() | st.floats(-10, 100_000),
    unsigned=st.booleans(),
    links=COUNTS,
    same_requests=COUNTS,
    same_bare_requests=COUNTS,
    same_texts=COUNTS,
    from_address=COUNTS,
    from_phone=COUNTS,
)
MORE = st.one_of(
    st.sampled_from([{"honeypot": True}, {"unsigned": True}, {"seconds": 0.0}]),
    st.sampled_from(
        ["links", "same_requests", "same_bare_requests", "same_texts", "from_address", "from_phone"]
    ).flatmap(lambda name: st.fixed_dictionaries({name: st.integers(0, 100)})),
)


@given(signs=SIGNS, more=MORE)
def test_adding_a_sign_never_lowers_the_score(signs: Signs, more: dict[str, Any]) -> None:
    added: dict[str, Any] = {
        name: value if isinstance(value, bool | float) else getattr(signs, name) + value
        for name, value in more.items()
    }
    after = replace(signs, **added)
    before_points, after_points = points_of(signs), points_of(after)
    assert sum(before_points.values()) <= sum(after_points.values())
    assert set(before_points) <= set(after_points)
    assert set(suspicions_of(signs)) <= set(suspicions_of(after))
