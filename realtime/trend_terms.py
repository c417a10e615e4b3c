"""The terms of a text that can trend: its hashtags, with their #, and the words that may say what it is about. Pure."""

import re
from collections.abc import Iterable

from loaders.entities import hashtag_keys

TERMS_MAX = 16
"""Of one text. Hashtags come first."""
_SIGN = re.compile("[#＃]")
# Links, mentions and hashtags are no words. Scripts that put no spaces between words have none that could be told.
_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"https?://\S+|[@＠#＃][\w]+|((?<!\w)[^\W\d_{_UNSPACED}]{{4,30}}(?!\w))", re.IGNORECASE)


def terms_of(text: str) -> tuple[str, ...]:
    """Return the distinct terms of a text, in lower case, hashtags first, at most `TERMS_MAX`."""
    found: dict[str, None] = {}
    if _SIGN.search(text):
        found.update(dict.fromkeys(f"#{name}" for name in hashtag_keys(text)))
    for word in _WORD.findall(text.lower()):
        if word:
            found[word] = None
            if len(found) >= TERMS_MAX:
                break
    return tuple(found)[:TERMS_MAX]


def blocked_terms(lines: Iterable[str]) -> frozenset[str]:
    """Return the terms that lines name, one each, with or without #; a line that begins with // is a remark."""
    named = (line.strip().lower() for line in lines if not line.lstrip().startswith("//"))
    return frozenset(name.lstrip("#＃") for name in named if name.lstrip("#＃"))
