"""Measures how hard a text is to read: the Flesch-Kincaid grade, in years at a US school."""

import re

_SENTENCE_ENDS = re.compile(r"[.!?]+(?=\s|$)")
_WORDS = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*")


def syllables(word: str) -> int:
    """Return about how many syllables a word has: its groups of vowels, a silent e left out."""
    letters = word.casefold()
    silent = re.search(r"[^aeiouyl]e$", letters) or re.search(r"[^aeiouytd]ed$", letters)
    return max(1, len(re.findall(r"[aeiouy]+", letters)) - bool(silent))


def grade(text: str) -> float:
    """Return the Flesch-Kincaid grade of a text whose sentences end with a mark."""
    words = _WORDS.findall(text)
    sentences = len(_SENTENCE_ENDS.findall(text))
    spoken = sum(map(syllables, words))
    return 0.39 * len(words) / sentences + 11.8 * spoken / len(words) - 15.59
