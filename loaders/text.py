"""Decides whether a text may be posted: normal form, forbidden characters and twitter-text's weighted length (v3)."""

import re
import unicodedata
from dataclasses import dataclass

import regex

from loaders.entities import extract_urls

WEIGHTED_LENGTH_MAX = 280
TEXT_LENGTH_MAX = 4_000
"""Code points: the longest text that is kept, imported ones included. It bounds the cost of counting."""
LIGHT_WEIGHT = 1
HEAVY_WEIGHT = 2
EMOJI_WEIGHT = 2
URL_WEIGHT = 23
COMBINING_MARKS_MAX = 16
"""Marks in a row. No script in use stacks as many; more only smear over the lines above and below."""


@dataclass(frozen=True, slots=True)
class TextProblem:
    """Why a text may not be posted: `code` is TEXT_EMPTY, TEXT_INVALID or TEXT_TOO_LONG, `message` is for people."""

    code: str
    message: str


def check_text(text: str) -> tuple[str, TextProblem | None]:
    """The text in NFC, and what forbids posting it, if anything.

    A text over `TEXT_LENGTH_MAX` or with too long a row of combining marks comes back as it was given.
    """
    if len(text) > TEXT_LENGTH_MAX:
        message = f"The text is {len(text)} characters long; at most {TEXT_LENGTH_MAX} are kept."
        return text, TextProblem("TEXT_TOO_LONG", message)
    # Marks are counted before normalising, which sorts each row of them in quadratic time.
    if not text.isascii() and _TOO_MANY_MARKS.search(text):
        return text, _MARKED
    normal = unicodedata.normalize("NFC", text)
    if _VISIBLE.search(normal) is None:
        return normal, TextProblem("TEXT_EMPTY", "The text is empty.")
    if forbidden := _FORBIDDEN.search(normal):
        return normal, TextProblem("TEXT_INVALID", f"The text holds U+{ord(forbidden[0]):04X}, which no text may hold.")
    if normal != text and _TOO_MANY_MARKS.search(normal):
        return normal, _MARKED
    length = _weigh(normal)
    if length > WEIGHTED_LENGTH_MAX:
        message = f"The text's weighted length is {length}; at most {WEIGHTED_LENGTH_MAX} is allowed."
        return normal, TextProblem("TEXT_TOO_LONG", message)
    return normal, None


def weighted_length(text: str) -> int:
    """The length that twitter-text's configuration v3 gives to a text, counted in NFC.

    A URL counts 23. An emoji counts 2, however many code points it is made of; any emoji joined to up to three others
    count as one, also where no font draws them as one. Other characters count 1 or 2.
    """
    return _weigh(unicodedata.normalize("NFC", text))


def is_unicode_clean(text: str) -> bool:
    """False for a text with a null byte or a lone surrogate, which stores and encoders refuse."""
    return _UNCLEAN.search(text) is None


_UNCLEAN = re.compile(r"[\x00\ud800-\udfff]")
# Marks of direction are allowed, as they are by twitter-text: right-to-left texts need them.
_FORBIDDEN = re.compile(r"[\x00\ud800-\udfff\ufeff\ufffe\uffff]")
# The Braille blank and the ignorable fillers have categories of visible characters.
_VISIBLE = regex.compile(r"[^\s\p{Cc}\p{Cf}\p{Cs}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]")
_TOO_MANY_MARKS = regex.compile(rf"\p{{M}}{{{COMBINING_MARKS_MAX + 1}}}")
_MARKED = TextProblem("TEXT_INVALID", f"The text holds more than {COMBINING_MARKS_MAX} combining marks in a row.")

_HEAVY = re.compile(r"[^\x00-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")
_SKIN_TONE = r"[\U0001f3fb-\U0001f3ff]"
_PICTURE = rf"(?:\p{{Emoji_Modifier_Base}}{_SKIN_TONE}|\p{{Extended_Pictographic}}\ufe0f?)"
_EMOJI = regex.compile(
    r"[0-9#*]\ufe0f?\u20e3"
    r"|[\U0001f1e6-\U0001f1ff]{2}"
    r"|\U0001f3f4[\U000e0020-\U000e007e]{1,6}\U000e007f"
    # The longest emoji in use join four pictures. Without a bound, a text of any length could weigh 2.
    rf"|{_PICTURE}(?:\u200d{_PICTURE}){{0,3}}"
)
# Single emoji weigh as much by their code point, so that only what makes longer ones calls for a closer look.
_EMOJI_PART = re.compile(r"[\u200d\u20e3\ufe0f\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff\U000e007f]")


def _weigh(normal: str) -> int:
    total = at = 0
    for url in extract_urls(normal):
        total += _weigh_plain(normal[at : url.start]) + URL_WEIGHT
        at = url.end
    return total + _weigh_plain(normal[at:])


def _weigh_plain(text: str) -> int:
    if text.isascii():
        return len(text) * LIGHT_WEIGHT
    if _EMOJI_PART.search(text) is None:
        return _weigh_characters(text)
    total = at = 0
    for match in _EMOJI.finditer(text):
        if match.end() - match.start() > 1:
            total += _weigh_characters(text[at : match.start()]) + EMOJI_WEIGHT
            at = match.end()
    return total + _weigh_characters(text[at:])


def _weigh_characters(text: str) -> int:
    return len(text) * LIGHT_WEIGHT + len(_HEAVY.findall(text)) * (HEAVY_WEIGHT - LIGHT_WEIGHT)
