"""The language of searches: words, "phrases", #hashtags, @mentions, filters, -, OR and parentheses. Pure.

    query  = part { "OR" part }
    part   = item { item }                            all of them
    item   = [ "-" ] ( "(" query ")" | phrase | sign | filter | words )
    phrase = '"' any characters but quotation marks '"'
    sign   = "#" hashtag | "@" handle
    filter = "from:" handle | "lang:" code | "has:media" | "since:" date | "until:" date
    words  = any characters but spaces, quotation marks and parentheses

`docs/search.md` says what each finds. `since:` and `until:` hold for the whole search.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import ClassVar, NamedTuple, TypeAlias

from loaders.errors import BadUserInput
from loaders.text import is_unicode_clean
from loaders.words import Phrase, is_too_short, phrase_of, signs_of

NESTING_MAX = 10


class SearchQueryError(BadUserInput):
    """A query that cannot be understood; `column` counts its code points from 1, and says where."""

    code: ClassVar[str] = "BAD_USER_INPUT"

    def __init__(self, message: str, column: int) -> None:
        super().__init__(f"{message} (column {column} of the query)")
        self.column = column


class MarkKind(Enum):
    """What a tweet can be marked by, beside its words."""

    HASHTAG = "#"
    MENTION = "@"
    AUTHOR = "from"
    LANG = "lang"
    MEDIA = "media"


class Mark(NamedTuple):
    """A mark to look for. That of an author has the handle, in lower case."""

    kind: MarkKind
    value: str = ""


class Both(NamedTuple):
    """All that is wanted, at least one part, and nothing that is unwanted."""

    wanted: tuple["Node", ...]
    unwanted: tuple["Node", ...] = ()


class Either(NamedTuple):
    """Any of several parts."""

    parts: tuple["Node", ...]


Node: TypeAlias = Phrase | Mark | Both | Either


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is looked for, in tweets posted from `since_ms` on and before `until_ms`, where these are given."""

    root: Node
    since_ms: int | None = None
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """How long a query may be, in code points, and of how many words, hashtags, mentions and filters together.

    A script without spaces counts a word for nearly each of its characters.
    """

    length: int = 500
    terms: int = 64


def parse(text: str, limits: QueryLimits) -> SearchQuery:
    """Return what a query asks for; raises `SearchQueryError` and nothing else, whatever the text."""
    if len(text) > limits.length:
        raise SearchQueryError(f"A query has at most {limits.length} characters", limits.length + 1)
    if not is_unicode_clean(text):
        raise SearchQueryError("A query is Unicode text", 1)
    return _Parser(text, limits.terms).parse()


def phrases_of(node: Node) -> Iterator[Phrase]:
    """Yield the phrases that a match may owe its relevance to: all that are wanted somewhere."""
    match node:
        case Phrase():
            yield node
        case Both(wanted, _):
            for part in wanted:
                yield from phrases_of(part)
        case Either(parts):
            for part in parts:
                yield from phrases_of(part)


def authors_of(node: Node) -> Iterator[str]:
    """Yield the handles whose tweets a query names, in lower case."""
    match node:
        case Mark(MarkKind.AUTHOR, handle):
            yield handle
        case Both(wanted, unwanted):
            for part in (*wanted, *unwanted):
                yield from authors_of(part)
        case Either(parts):
            for part in parts:
                yield from authors_of(part)


class _Token(NamedTuple):
    """A piece of a query: its first character, or "w" for words, its text, and the column where it begins."""

    kind: str
    text: str
    column: int


_QUOTES = '"“”„'
_TOKEN = re.compile(rf"\s+|[()]|[{_QUOTES}][^{_QUOTES}]*[{_QUOTES}]?|-(?=\S)|[^\s(){_QUOTES}]+")
_FILTER = re.compile(r"(from|lang|has|since|until):(.*)", re.IGNORECASE | re.DOTALL)
_HANDLE = re.compile(r"@?([A-Za-z0-9_]{1,20})")
_LANG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        piece, column = match[0], match.start() + 1
        if piece.isspace():
            continue
        if piece[0] in _QUOTES:
            if len(piece) == 1 or piece[-1] not in _QUOTES:
                raise SearchQueryError("The phrase that begins here has no end", column)
            yield _Token('"', piece[1:-1], column)
        elif piece in {"(", ")", "OR"} or (piece == "-" and text[match.end() : match.end() + 1].strip()):
            yield _Token(piece, piece, column)
        else:
            yield _Token("w", piece, column)


class _Parser:
    """One pass over the tokens of a query, one of them in view."""

    def __init__(self, text: str, terms_max: int) -> None:
        self._tokens = _tokens(text)
        self._end = len(text) + 1
        self._terms_max = self._terms_left = terms_max
        self._dates: dict[str, int] = {}
        self._depth = 0
        self._next: _Token | None = None
        self._advance()

    def parse(self) -> SearchQuery:
        root = self._query()
        if self._next is not None:
            raise SearchQueryError("There is no ( before this )", self._next.column)
        return SearchQuery(root, self._dates.get("since"), self._dates.get("until"))

    def _advance(self) -> None:
        self._next = next(self._tokens, None)

    def _query(self) -> Node:
        parts = [self._part()]
        while self._next is not None and self._next.kind == "OR":
            self._advance()
            parts.append(self._part())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _part(self) -> Node:
        column = self._column()
        wanted: list[Node] = []
        unwanted: list[Node] = []
        while self._next is not None and self._next.kind not in {")", "OR"}:
            is_unwanted = self._next.kind == "-"
            if is_unwanted:
                self._advance()
            item = self._item(is_unwanted)
            if item is not None:
                (unwanted if is_unwanted else wanted).append(item)
        if not wanted:
            problem = "Say what to look for, not only what to leave out" if unwanted else "Say here what to look for"
            raise SearchQueryError(problem, column)
        return wanted[0] if len(wanted) == 1 and not unwanted else Both(tuple(wanted), tuple(unwanted))

    def _item(self, is_unwanted: bool) -> Node | None:
        """Return what one item asks for; None if it asks for nothing by itself, as a date, or as marks without words.

        A sign to leave something out always has something after it.
        """
        token = self._next
        if token is None or token.kind in {")", "OR"}:
            raise SearchQueryError("Say here what to leave out", self._column())
        self._advance()
        if token.kind == "(":
            return self._group(token)
        if token.kind == "w":
            if match := _FILTER.fullmatch(token.text):
                return self._filter(match[1].lower(), match[2], token.column, is_unwanted)
            if token.text[0] in "#＃@＠":
                return self._sign(token)
        phrase = phrase_of(token.text)
        if phrase is not None and is_too_short(phrase):
            raise SearchQueryError("One letter of this script is too little to look for", token.column)
        if phrase is not None:
            self._count(len(phrase.words), token.column)
        return phrase

    def _group(self, opened: _Token) -> Node:
        self._depth += 1
        if self._depth > NESTING_MAX:
            raise SearchQueryError(f"Parentheses stand in at most {NESTING_MAX} others", opened.column)
        node = self._query()
        if self._next is None:
            raise SearchQueryError("There is no ) for this (", opened.column)
        self._advance()
        self._depth -= 1
        return node

    def _sign(self, token: _Token) -> Node:
        hashtags, mentions = signs_of(token.text)
        self._count(1, token.column)
        if token.text[0] in "#＃":
            if not hashtags:
                raise SearchQueryError("This is no hashtag", token.column)
            return Mark(MarkKind.HASHTAG, hashtags[0])
        if not mentions:
            raise SearchQueryError("This is no handle", token.column)
        return Mark(MarkKind.MENTION, mentions[0])

    def _filter(self, name: str, value: str, column: int, is_unwanted: bool) -> Node | None:
        at = column + len(name) + 1
        if name in {"since", "until"}:
            if is_unwanted or self._depth:
                raise SearchQueryError(f"{name}: holds for the whole search, and stands by itself", column)
            self._take_date(name, value, at)
            return None
        self._count(1, column)
        if name == "from":
            if not (match := _HANDLE.fullmatch(value)):
                raise SearchQueryError("from: is followed by a handle", at)
            return Mark(MarkKind.AUTHOR, match[1].lower())
        if name == "lang":
            if not _LANG.fullmatch(value):
                raise SearchQueryError("lang: is followed by a language's code, such as en", at)
            return Mark(MarkKind.LANG, value.lower())
        if value.lower() != "media":
            raise SearchQueryError("has: is followed by media", at)
        return Mark(MarkKind.MEDIA)

    def _take_date(self, name: str, value: str, column: int) -> None:
        try:
            if not _DATE.fullmatch(value):
                raise ValueError
            at_ms = int(datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()) * 1000
        except ValueError:
            raise SearchQueryError(f"{name}: is followed by a date, such as 2026-11-30", column) from None
        # Of several the narrowest holds: all of them are asked for.
        known = self._dates.get(name, at_ms)
        self._dates[name] = max(known, at_ms) if name == "since" else min(known, at_ms)

    def _count(self, terms: int, column: int) -> None:
        self._terms_left -= terms
        if self._terms_left < 0:
            raise SearchQueryError(f"A query has at most {self._terms_max} words", column)

    def _column(self) -> int:
        return self._end if self._next is None else self._next.column


def with_authors(node: Node, ids: Mapping[str, int]) -> Node:
    """Return a query with each author's number in the place of the handle; 0, which is nobody's, for unknown ones."""
    match node:
        case Mark(MarkKind.AUTHOR, handle):
            return Mark(MarkKind.AUTHOR, str(ids.get(handle, 0)))
        case Both(wanted, unwanted):
            return Both(
                tuple(with_authors(part, ids) for part in wanted), tuple(with_authors(part, ids) for part in unwanted)
            )
        case Either(parts):
            return Either(tuple(with_authors(part, ids) for part in parts))
        case _:
            return node
