"""Straight lines on a flat map, in metres: whether they cross, and where."""

import math

Point = tuple[float, float]
Line = tuple[Point, Point]


def bearing(one: Point, other: Point) -> float:
    """Return the direction from one point to another in radians, counted from the east."""
    return math.atan2(other[1] - one[1], other[0] - one[0])


def crosses(line: Line, part: Line) -> bool:
    """Return whether a line goes over a part of another, or touches an end of the part."""
    (a, b), (c, d) = line, part
    # Most pairs lie apart, and four comparisons tell.
    if max(a[0], b[0]) < min(c[0], d[0]) or max(c[0], d[0]) < min(a[0], b[0]):
        return False
    if max(a[1], b[1]) < min(c[1], d[1]) or max(c[1], d[1]) < min(a[1], b[1]):
        return False
    return _side(a, b, c) * _side(a, b, d) <= 0 and _side(c, d, a) * _side(c, d, b) < 0


def met_at(line: Line, part: Line) -> float:
    """Return how far along a line the part that it crosses is met, from 0 to 1."""
    start, end = _side(*part, line[0]), _side(*part, line[1])
    return start / (start - end)


def _side(one: Point, other: Point, point: Point) -> float:
    """Return on which side of a line a point lies, by the sign."""
    return (other[0] - one[0]) * (point[1] - one[1]) - (other[1] - one[1]) * (point[0] - one[0])
