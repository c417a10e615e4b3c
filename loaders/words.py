"""The words of a text as search knows them: folded, cut by script, and the same in the index and in a query. Pure.

Case and diacritics are folded. Words of scripts that put spaces between them are kept whole. Scripts that do not are
cut into grams, at every character the one that begins there: three characters of Thai, Lao, Khmer and Burmese, two of
Chinese, Japanese and Korean, and fewer at a run's end. So whatever stands in such a text is found, of any length.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

import regex

from loaders.entities import extract

WORD_LENGTH_MAX = 64
"""Longer words are cut: nobody looks for their ends."""
GRAM_OF_THREE, GRAM_OF_TWO = 3, 2
PARTS_KEPT = 10_000


class Phrase(NamedTuple):
    """Words that stand side by side; with `is_open`, the last may go on.

    An open phrase is what a short query of a script without spaces comes to: the beginning of a longer gram.
    """

    words: tuple[str, ...]
    is_open: bool = False


def fold(text: str) -> str:
    """The text without case, diacritics and other differences that a searcher does not type, in NFC.

    Marks that are letters of their script, as those of Thai or Devanagari, stay. Folding what is folded changes
    nothing.
    """
    if text.isascii():
        return text.lower()
    # Twice, since what a decomposition brings to light may have case, and folding case may compose anew.
    once = _fold_once(text)
    return once if once == text else _fold_once(once)


def words_of(text: str) -> list[str]:
    """The words of a text in their order, as they are put into an index. Never raises."""
    if text.isascii():
        return [word[:WORD_LENGTH_MAX] for word in _ASCII.findall(_prepared(text).lower())]
    words: list[str] = []
    for run in _runs(text):
        words += run.grams
    return words


def phrase_of(text: str) -> Phrase | None:
    """What finds a text wherever it stands in another; None if there is no word in it."""
    runs = _runs(text)
    if not runs:
        return None
    words = [gram for run in runs for gram in run.grams]
    last = runs[-1]
    if last.size == 0:
        return Phrase(tuple(words))
    # The text looked for may go on where the query ends: the grams that its end cuts short say nothing.
    spare = min(last.size, len(last.grams)) - 1
    return Phrase(tuple(words[: len(words) - spare]), is_open=len(last.grams) < last.size)


def is_too_short(phrase: Phrase) -> bool:
    """Tell whether a phrase ends in a lone letter of a script whose grams have three: nearly all its texts hold it."""
    return phrase.is_open and len(phrase.words[-1]) == 1 and _LETTER_OF_THREE.match(phrase.words[-1]) is not None


def signs_of(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The distinct hashtags of a text, folded, and the distinct handles that it mentions, in lower case."""
    if not _SIGN.search(text):
        return (), ()
    found = extract(text)
    hashtags = dict.fromkeys(fold(hashtag.text) for hashtag in found.hashtags)
    return tuple(hashtags), tuple(dict.fromkeys(mention.handle.lower() for mention in found.mentions))


_SIGN = re.compile("[#＃@＠]")
_DIACRITIC = re.compile(r"[\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]")
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŧ": "t"}
)
_UNDECOMPOSED = re.compile("[øłđðþæœıħŧ]")
_TWO = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}ー々〆"
_THREE = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_LETTER_OF_THREE = regex.compile(f"[{_THREE}]")
_LINK = re.compile(r"https?://", re.IGNORECASE)
# An apostrophe within a word is left out of it: "don't" is looked for as "dont" as well.
_APOSTROPHE = re.compile(r"['’ʼ](?<=\w.)(?=\w)")
_ASCII = re.compile(r"[a-z0-9]+")
_BETWEEN_ASCII = re.compile(r"[A-Za-z0-9\x80-\U0010ffff]+")
# One run each: of a script in grams of three, of two, an emoji, or a word. What joins or tints emoji is passed by.
_RUN = regex.compile(
    rf"([{_THREE}]+)|([{_TWO}]+)|([\U0001f1e6-\U0001f1ff]{{2}}|\p{{Extended_Pictographic}})"
    rf"|((?:(?![{_THREE}{_TWO}])[\p{{L}}\p{{M}}\p{{N}}])+)"
)
_SIZES = (0, GRAM_OF_THREE, GRAM_OF_TWO, 0, 0)
_PASSED_BY = re.compile("[\u00ad\u200b-\u200d\u2060\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]")


class _Run(NamedTuple):
    """A word alone, or the grams of such a length that a script's run is cut into; a word's size is 0."""

    grams: tuple[str, ...]
    size: int


def _fold_once(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text.casefold()).casefold()
    if _UNDECOMPOSED.search(folded):
        folded = folded.translate(_LETTERS)
    return unicodedata.normalize("NFC", _DIACRITIC.sub("", folded))


def _prepared(text: str) -> str:
    if "://" in text:
        text = _LINK.sub(" ", text)
    return _APOSTROPHE.sub("", text) if "'" in text or not text.isascii() else text


def _runs(text: str) -> list[_Run]:
    runs: list[_Run] = []
    # Cut at what every script is cut at, so that a part comes again soon and needs no second look.
    for part in _BETWEEN_ASCII.findall(_prepared(text)):
        if part.isascii():
            runs.append(_Run((part.lower()[:WORD_LENGTH_MAX],), 0))
        else:
            runs += _runs_of_part(part)
    return runs


@lru_cache(maxsize=PARTS_KEPT)
def _runs_of_part(part: str) -> tuple[_Run, ...]:
    return tuple(
        _run(match[0], _SIZES[match.lastindex or 0]) for match in _RUN.finditer(_PASSED_BY.sub("", fold(part)))
    )


def _run(text: str, size: int) -> _Run:
    if size == 0:
        return _Run((text[:WORD_LENGTH_MAX],), 0)
    return _Run(tuple(text[at : at + size] for at in range(len(text))), size)
