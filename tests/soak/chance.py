"""Chance that can be had again: a test that failed names its seed."""

import random


def seeded(seed: object) -> random.Random:
    """Return a source of numbers that a seed decides."""
    return random.Random(str(seed))  # noqa: S311 - no secret
