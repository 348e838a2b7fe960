"""Folds what was typed into plain capitals and USPS words, before it is taken apart."""

import re
import unicodedata

from clinicdir.finder import usps

LONGEST_LINE = 500
# "1234 1/2 Main St": half a house is next door to the whole one.
_FRACTION = re.compile("(?<=[0-9])[ -][1-9][/\u2044][1-9](?= )")
_HALF = re.compile("(?<=[0-9]) ?[\u00bc-\u00be]")
_DROPPED = re.compile("[\u0300-\u036f'\u2018\u2019\u02bb.]+")
_SEPARATORS = re.compile(r"[,;\r\n]+")
_OTHER = re.compile(r"[^A-Z0-9,#-]+|(?<![0-9])-|-(?![0-9])")


def fold(text: str) -> str:
    """Return the line in plain capitals and digits; only commas still separate its parts."""
    plain = text[:LONGEST_LINE].upper()
    if not plain.isascii():
        # Upper case may bring back a composed letter, so accents are taken apart once more.
        capitals = unicodedata.normalize("NFKD", _HALF.sub("", text[:LONGEST_LINE])).upper()
        plain = unicodedata.normalize("NFKD", capitals)
    plain = _DROPPED.sub("", plain)
    whole = _FRACTION.sub("", plain)
    spaced = _OTHER.sub(" ", _SEPARATORS.sub(",", whole)).replace("#", " # ")
    return " ".join(spaced.split())[:LONGEST_LINE].rstrip(" -")


def words_of(folded: str) -> list[str]:
    """Return the words of a folded part, each in its USPS abbreviation."""
    words = [usps.SHORT_OF.get(word, word) for word in folded.split()]
    if usps.TENS.keys().isdisjoint(words):
        return words
    return _join_ordinals(words)


def _join_ordinals(words: list[str]) -> list[str]:
    """Return the words with "TWENTY 1ST" made into 21ST."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in usps.TENS and word in usps.ONES:
            joined[-1] = usps.TENS[joined[-1]] + word
        else:
            joined.append(word)
    return joined


def normalise(text: str) -> str:
    """Return a line in capitals and USPS abbreviations, without accents or punctuation."""
    return " ".join(words_of(fold(text).replace(",", " ")))
