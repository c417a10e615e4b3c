"""Names that people give themselves: one line, in NFC, without marks that would turn the text around them."""

import unicodedata

HIDDEN_CATEGORIES = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
JOINERS = {"\u200c", "\u200d"}
LENGTH_LOOKED_AT = 1_000


def one_line(text: str) -> str:
    """Return a name in NFC, its white space folded, without control and direction marks; joiners stay for emoji."""
    normal = unicodedata.normalize("NFC", text[:LENGTH_LOOKED_AT])
    kept = (char if char in JOINERS or unicodedata.category(char) not in HIDDEN_CATEGORIES else " " for char in normal)
    return " ".join("".join(kept).split())
