"""The blueprint that the staff pages hang on, and the right that each view declares."""

import functools
from collections.abc import Callable

from flask import Blueprint
from flask.typing import ResponseReturnValue

from clinicdir.errors import Forbidden
from clinicdir.staff.rules import Right, can
from clinicdir.web.present import signed_in

bp = Blueprint("staff", __name__)
View = Callable[..., ResponseReturnValue]


# So that a page shows no link that would be refused: `member.role is allowed_settings`.
for _right in (Right.SETTINGS, Right.AUDIT):
    bp.add_app_template_test(functools.partial(can, right=_right), f"allowed_{_right}")


def needs(right: Right) -> Callable[[View], View]:
    """Declare the right that a view asks for; whoever lacks it is refused before anything else."""

    def declare(view: View) -> View:
        @functools.wraps(view)
        def guarded(**values: str) -> ResponseReturnValue:
            if not can(signed_in().role, right):
                raise Forbidden
            return view(**values)

        guarded.right = right  # type: ignore[attr-defined]
        return guarded

    return declare
