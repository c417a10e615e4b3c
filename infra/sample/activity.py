"""Who writes which text when, and whom it answers and mentions; all people and texts are numbers here."""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from infra.sample.rhythm import draw_times
from infra.sample.source import Graph, SourceText

REPLY_SHARE = 0.20
SILENT_UNREAD = 0.85
SILENT_READ = 0.35
OFF_LANGUAGE = 0.04
REACH_POWER = 0.5
EAGERNESS_TAIL = 1.3
EAGERNESS_LIMIT = 12.0
ANSWERS_ANSWER = 0.35
REPLY_AFTER_S = 20.0
FAMOUS = 12
RECENT = 12

MENTION = re.compile(r"@user(?![A-Za-z0-9_])")


@dataclass(slots=True)
class Draft:
    """A text given an author, a time in Unix seconds and perhaps the earlier draft it answers."""

    row: int
    author: int
    lang: str
    text: str
    at: float
    answers: "Draft | None" = None


@dataclass(frozen=True, slots=True)
class Crowd:
    """The people as writers: graph, language, and how eager each is to write (0 = never does)."""

    graph: Graph
    langs: list[str]
    handles: list[str]
    eagerness: list[float]


def draw_eagerness(rng: Random, graph: Graph) -> list[float]:
    """How much each person writes: more with more followers, with a Pareto tail; many write nothing."""
    eagerness = []
    for followers in graph.followers:
        silent = SILENT_READ if followers else SILENT_UNREAD
        tail = min(rng.paretovariate(EAGERNESS_TAIL), EAGERNESS_LIMIT)
        quiet = rng.random() < silent and len(followers) < 100
        eagerness.append(0.0 if quiet else tail * (1 + len(followers)) ** REACH_POWER)
    return eagerness


def write_drafts(rng: Random, crowd: Crowd, texts: Sequence[SourceText], now: float) -> list[Draft]:
    """Every text once, oldest first, each with an author who mostly speaks its language."""
    people = range(crowd.graph.size)
    anybody = list(accumulate(crowd.eagerness))
    rows: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(texts):
        rows[text.lang].append(row)
    drafts = []
    for lang, own in rows.items():
        speaks = list(accumulate(e if crowd.langs[n] == lang else 0.0 for n, e in enumerate(crowd.eagerness)))
        speakers = rng.choices(people, cum_weights=speaks, k=len(own))
        strangers = rng.choices(people, cum_weights=anybody, k=len(own))
        times = draw_times(rng, lang, now, len(own))
        for row, speaker, stranger, at in zip(own, speakers, strangers, times, strict=True):
            author = stranger if rng.random() < OFF_LANGUAGE else speaker
            drafts.append(Draft(row, author, lang, texts[row].text, at))
    drafts.sort(key=lambda draft: (draft.at, draft.row))
    return drafts


def link_replies(rng: Random, crowd: Crowd, drafts: Sequence[Draft]) -> None:
    """Makes about REPLY_SHARE of `drafts` (oldest first) answer earlier ones, those that open with a mention first."""
    opening = {draft.row for draft in drafts if MENTION.match(draft.text)}
    plain = [draft.row for draft in drafts if "@user" not in draft.text]
    more = max(0, round(REPLY_SHARE * len(drafts)) - len(opening))
    answering = opening | set(rng.sample(plain, min(more, len(plain))))
    written: dict[int, list[Draft]] = defaultdict(list)
    answers_to: dict[int, list[Draft]] = defaultdict(list)
    by_lang: dict[str, list[Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.row in answering:
            draft.answers = _pick_answered(rng, crowd, draft, written, answers_to, by_lang)
        if draft.answers is not None:
            answers_to[draft.answers.author].append(draft)
        written[draft.author].append(draft)
        by_lang[draft.lang].append(draft)


def fill_mentions(rng: Random, crowd: Crowd, drafts: Sequence[Draft]) -> None:
    """Replaces every `@user` by a handle: the answered author's first, then those of accounts the author follows."""
    famous: dict[str, list[int]] = defaultdict(list)
    for person in sorted(range(crowd.graph.size), key=lambda n: (-crowd.eagerness[n], n)):
        famous[crowd.langs[person]].append(person)
    for draft in drafts:
        if "@user" in draft.text:
            draft.text = _with_mentions(rng, crowd, draft, famous[draft.lang][:FAMOUS])


def _with_mentions(rng: Random, crowd: Crowd, draft: Draft, famous: Sequence[int]) -> str:
    followees = crowd.graph.followees[draft.author]
    alike = [n for n in followees if crowd.langs[n] == draft.lang] or followees or famous
    first = draft.answers.author if draft.answers is not None and MENTION.match(draft.text) else None
    named = {draft.author}

    def handle(mention: re.Match[str]) -> str:
        if first is not None and mention.start() == 0:
            person = first
        else:
            few = [n for n in rng.choices(alike, k=3) if n not in named]
            few = few or [n for n in (*alike, *famous) if n not in named] or [rng.randrange(crowd.graph.size)]
            person = max(few, key=lambda n: crowd.eagerness[n])
        named.add(person)
        return f"@{crowd.handles[person]}"

    return MENTION.sub(handle, draft.text)


def _pick_answered(
    rng: Random,
    crowd: Crowd,
    draft: Draft,
    written: dict[int, list[Draft]],
    answers_to: dict[int, list[Draft]],
    by_lang: dict[str, list[Draft]],
) -> Draft | None:
    before = draft.at - REPLY_AFTER_S
    if answers_to[draft.author] and rng.random() < ANSWERS_ANSWER:
        chosen = _latest(rng, answers_to[draft.author], before, draft.author)
        if chosen is not None:
            return chosen
    # A follower of the author is the next best: someone whose timeline the author is in.
    for circle in (crowd.graph.followees[draft.author], crowd.graph.followers[draft.author]):
        writers = [n for n in circle if n in written]
        alike = [n for n in writers if crowd.langs[n] == draft.lang] or writers
        for person in rng.sample(alike, min(len(alike), 3)):
            chosen = _latest(rng, written[person], before, draft.author)
            if chosen is not None:
                return chosen
    return _latest(rng, by_lang[draft.lang], before, draft.author)


def _latest(rng: Random, drafts: list[Draft], before: float, author: int) -> Draft | None:
    end = bisect_left(drafts, before, key=lambda draft: draft.at)
    recent = [draft for draft in drafts[max(0, end - RECENT) : end] if draft.author != author]
    return recent[-1 - min(int(rng.expovariate(0.5)), len(recent) - 1)] if recent else None
