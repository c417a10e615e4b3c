"""Makes people up: the language each one speaks, a name, a unique handle and for some a bio."""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import cache
from random import Random

from infra.sample.bios import INTERESTS, MARKS, PLACES
from infra.sample.names import CULTURES, Culture
from infra.sample.records import SampleUser
from infra.sample.source import Graph

DEMO_HANDLE = "demo"
HANDLE_LENGTH = 15
RESERVED = frozenset({DEMO_HANDLE, "user", "admin", "root", "me"})

SPEAKS_LIKE_FOLLOWEE = 0.93
GOES_WITH_MOST = 0.7
BIO_SHARE = 0.45
FORM_WEIGHTS = (8, 5, 3, 3, 2, 2, 1, 1)
NATIVE_SHARE = 0.6
LEADERS = 18
"""So many of the most followed take the languages in turn, so that each language has somebody widely read."""

_LATIN = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ı": "i", "æ": "ae", "đ": "d"})


def assign_languages(rng: Random, graph: Graph, demand: Mapping[str, int]) -> list[str]:
    """A language per person, mostly that of somebody they follow; `demand` weighs the rest by texts per language."""
    tongues = sorted(demand, key=lambda lang: (-demand[lang], lang))
    weights = [demand[lang] for lang in tongues]
    by_reach = sorted(range(graph.size), key=lambda n: (-len(graph.followers[n]), n))
    langs: list[str] = [""] * graph.size
    for rank, person in enumerate(by_reach):
        known = [langs[followee] for followee in graph.followees[person] if langs[followee]]
        if rank < LEADERS:
            langs[person] = tongues[rank % len(tongues)]
        elif known and rng.random() < SPEAKS_LIKE_FOLLOWEE:
            # A tie goes to the language met first in the file, so that the outcome does not hang on hashing.
            langs[person] = Counter(known).most_common(1)[0][0] if rng.random() < GOES_WITH_MOST else rng.choice(known)
        else:
            langs[person] = rng.choices(tongues, weights)[0]
    return langs


def make_people(rng: Random, langs: list[str]) -> list[SampleUser]:
    """One made-up person per language given, in that order."""
    taken = set(RESERVED)
    people = []
    for lang in langs:
        culture = rng.choice(CULTURES[lang])
        given, surname = rng.choice(culture.given), rng.choice(culture.surnames)
        handle = _handle(rng, _ascii(given), _ascii(surname), taken)
        bio = _bio(rng, lang) if rng.random() < BIO_SHARE else ""
        people.append(SampleUser(handle, _display_name(rng, given, surname, culture), bio))
    return people


def _handle(rng: Random, given: str, surname: str, taken: set[str]) -> str:
    forms = (
        f"{given}_{surname}".lower(),
        f"{given}{surname}".lower(),
        f"{given}{surname}",
        f"{given[0]}{surname}".lower(),
        f"{surname}_{given}".lower(),
        f"{given}_{surname[0]}".lower(),
        f"{given}".lower(),
        f"its_{given}".lower(),
    )
    # Two places are kept for a number, as names recur.
    weights = [w if len(form) <= HANDLE_LENGTH - 2 else 0 for form, w in zip(forms, FORM_WEIGHTS, strict=True)]
    stem = rng.choices(forms, weights)[0]
    handle, digits = stem, 1
    while handle.lower() in taken:
        number = str(rng.randrange(10 ** (digits - 1) + 1, 10**digits))
        handle = stem[: HANDLE_LENGTH - len(number)] + number
        # Longer numbers as the short ones run out, so that the search always ends.
        digits = min(digits + 1, 6)
    taken.add(handle.lower())
    return handle


def _display_name(rng: Random, given: str, surname: str, culture: Culture) -> str:
    given_latin, _, given_native = given.partition("=")
    surname_latin, _, surname_native = surname.partition("=")
    if given_native and rng.random() < NATIVE_SHARE:
        return f"{surname_native}{given_native}" if culture.family_first else f"{given_native} {surname_native}"
    forms = (
        f"{given_latin} {surname_latin}",
        given_latin,
        f"{given_latin} {surname_latin[0]}.",
        f"{given_latin.lower()} {rng.choice(MARKS)}",
        f"{given_latin} {surname_latin} {rng.choice(MARKS)}",
    )
    return rng.choices(forms, (12, 3, 2, 1, 1))[0]


def _bio(rng: Random, lang: str) -> str:
    parts = rng.sample(INTERESTS[lang], rng.randint(1, 3))
    if rng.random() < 0.5:
        parts.append(rng.choice(PLACES[lang]))
    return rng.choice((" · ", " | ", ", ", ". ")).join(parts)


@cache
def _ascii(name: str) -> str:
    latin = unicodedata.normalize("NFKD", name.partition("=")[0].translate(_LATIN))
    return re.sub(r"[^A-Za-z0-9]", "", latin)
