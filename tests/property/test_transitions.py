"""Whatever is done in whatever order never leads out of the table of moves."""

from hypothesis import given
from hypothesis import strategies as st

from clinicdir.appointments.rules import TRANSITIONS, Action, Status, allowed_actions, next_status
from clinicdir.errors import NotAllowed


@given(st.lists(st.sampled_from(Action), max_size=12))
def test_walk_through_the_table_never_leaves_it(walk: list[Action]) -> None:
    status = Status.RECEIVED
    for action in walk:
        allowed = action in allowed_actions(status)
        try:
            after = next_status(status, action)
        except NotAllowed:
            assert not allowed
        else:
            assert allowed
            assert after is TRANSITIONS[status, action]
            status = after
    assert status in Status
