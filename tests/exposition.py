"""Reads Prometheus' text format strictly, by its published grammar."""

import re

_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_VALUE = r"[+-]Inf|NaN|[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? ({_VALUE})")
_HEAD = re.compile(rf"# (HELP|TYPE) ({_NAME}) (.+)")
_PARTS = ("_bucket", "_sum", "_count")


def read(page: str) -> dict[str, float]:
    """Return each sample, `name{labels}` to value; fail on anything that Prometheus would not."""
    assert page.endswith("\n")
    found: dict[str, float] = {}
    kinds: dict[str, str] = {}
    told: set[str] = set()
    for line in page.splitlines():
        head = _HEAD.fullmatch(line)
        if head is None:
            sample = _SAMPLE.fullmatch(line)
            assert sample is not None, line
            name, labels, value = sample.groups()
            assert family_of(name, kinds) == list(kinds)[-1], f"{line}: its family is elsewhere"
            key = f"{name}{{{labels}}}" if labels else name
            assert key not in found, line
            found[key] = float(value)
        elif head[1] == "HELP":
            assert head[2] not in told, line
            told.add(head[2])
        else:
            assert head[3] in ("counter", "gauge", "histogram"), line
            assert head[2] not in kinds, line
            kinds[head[2]] = head[3]
    assert told == set(kinds)
    return found


def family_of(name: str, kinds: dict[str, str]) -> str:
    """Return the family of a sample; only a histogram has parts, only a counter ends in _total."""
    for part in _PARTS:
        if kinds.get(name.removesuffix(part)) == "histogram":
            return name.removesuffix(part)
    assert (kinds[name] == "counter") is name.endswith("_total"), name
    return name
