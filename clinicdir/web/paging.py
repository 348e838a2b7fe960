"""Reads where a page of a list begins."""

from flask import request

_MOST = 2**31 - 1


def after() -> int:
    """Return the number in `?after=`; what is no number in reach begins at the start."""
    typed = request.args.get("after", "")
    if not (typed.isascii() and typed.isdecimal()) or len(typed) > len(str(_MOST)):
        return 0
    return min(int(typed), _MOST)
