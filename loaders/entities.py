"""Finds the hashtags, mentions and URLs of a text by the rules of twitter-text, in time linear in its length."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import ascii_letters, digits

import regex

HASHTAG_LENGTH_MAX = 4_000
"""Code points of the longest hashtag normalised: the longest text an import keeps."""
URL_LENGTH_MAX = 4_096
HOST_LABEL_LENGTH_MAX = 63
TCO_SLUG_LENGTH_MAX = 40


@dataclass(frozen=True, slots=True)
class Hashtag:
    """`text` is the name without its sign. `start`, the sign's place, and `end`, exclusive, are in code points."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Mention:
    """`handle` as written: 1 to 20 of `[A-Za-z0-9_]`, maybe nobody's. Places as of a hashtag; `start` is the `@`'s."""

    handle: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Url:
    """`url` as written, with or without its protocol. Places as of a hashtag."""

    url: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Entities:
    """Each kind in the order of the text; no two overlap, whatever their kinds."""

    hashtags: tuple[Hashtag, ...]
    mentions: tuple[Mention, ...]
    urls: tuple[Url, ...]


def extract(text: str) -> Entities:
    """All entities of a text. Of two that would overlap, the one that starts first stands. Never raises."""
    hashtags = _hashtags(text) if "#" in text or "＃" in text else []
    mentions = _mentions(text) if "@" in text or "＠" in text else []
    urls = extract_urls(text)
    if not (urls and (hashtags or mentions)):
        return Entities(tuple(hashtags), tuple(mentions), urls)
    entities: list[Hashtag | Mention | Url] = [*urls, *hashtags, *mentions]
    entities.sort(key=lambda entity: entity.start)
    kept = set()
    free = 0
    for entity in entities:
        if entity.start >= free:
            kept.add(entity.start)
            free = entity.end
    return Entities(
        tuple(entity for entity in hashtags if entity.start in kept),
        tuple(entity for entity in mentions if entity.start in kept),
        tuple(entity for entity in urls if entity.start in kept),
    )


def extract_urls(text: str) -> tuple[Url, ...]:
    """The URLs of a text, those that a hashtag overlaps included: what the weighted length counts. Never raises."""
    return tuple(_urls(text)) if "." in text else ()


def normalise_hashtag(name: str) -> str | None:
    """The key of a hashtag: canonical caseless form (Unicode D145), then NFC.

    None where `name`, which carries no sign, would not be exactly one hashtag with a `#` before it.
    """
    if len(name) > HASHTAG_LENGTH_MAX or _HASHTAG_NAME.fullmatch(name) is None:
        return None
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def hashtag_keys(text: str) -> tuple[str, ...]:
    """The distinct normalised hashtags of a text, in the order of their first use."""
    hashtags = extract(text).hashtags if "#" in text or "＃" in text else ()
    keys = (normalise_hashtag(hashtag.text) for hashtag in hashtags)
    return tuple(dict.fromkeys(key for key in keys if key is not None))


# Hashtags. The joiners, the middle dot and the like are part of words in the scripts that use them.
_HASHTAG_EXTRA = (
    r"\p{Nd}_\u00b7\u05be\u05f3\u05f4\u0f0b\u0f0c\u200c\u200d\u3003\u301c\u309b\u309c\u30a0\u30fb\ua67e\uff5e"
)
_HASHTAG_LETTER = r"\p{L}\p{M}"
# A variation selector or an enclosing keycap after the sign makes it an emoji.
_NAME = rf"(?![\ufe0f\u20e3])[{_HASHTAG_EXTRA}]*+[{_HASHTAG_LETTER}][{_HASHTAG_LETTER}{_HASHTAG_EXTRA}]*+"
_HASHTAG_NAME = regex.compile(_NAME)
# The sign (of a host, the dot) comes first and the look back after it, so that the search runs from sign to sign.
_HASHTAG = regex.compile(rf"[#＃](?:(?<![{_HASHTAG_LETTER}{_HASHTAG_EXTRA}&].)|(?<=[\ufe0e\ufe0f].))({_NAME})")


def _hashtags(text: str) -> list[Hashtag]:
    found = []
    previous_end = -1
    for match in _HASHTAG.finditer(text):
        start = match.start()
        # The character before an entity is part of its rule, so it cannot be the last one of another of its kind.
        if start != previous_end:
            previous_end = match.end()
            if not text.startswith(("#", "＃", "://"), previous_end):
                found.append(Hashtag(match[1], start, previous_end))
    return found


# Mentions.
_LATIN_ACCENTED = (
    r"\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0253\u0254\u0256\u0257\u0259\u025b\u0263\u0268\u026f\u0272\u0289\u028b"
    r"\u02bb\u0300-\u036f\u1e00-\u1eff"
)
_AFTER_RT = r"(?<=\A[rR][tT].)|(?<=[^A-Za-z0-9_+~.\-][rR][tT].)"
_MENTION = re.compile(
    rf"[@＠](?:(?<![A-Za-z0-9_!#$%&*@＠].)|{_AFTER_RT})([A-Za-z0-9_]{{1,20}})(/[A-Za-z][A-Za-z0-9_-]{{0,24}})?"
)
_MENTION_FOLLOWED_BADLY = re.compile(rf"[@＠{_LATIN_ACCENTED}]|://")


def _mentions(text: str) -> list[Mention]:
    found = []
    previous_end = -1
    for match in _MENTION.finditer(text):
        start = match.start()
        if start != previous_end:
            previous_end = match.end()
            # `@handle/name` names a list, not a person.
            if match[2] is None and _MENTION_FOLLOWED_BADLY.match(text, previous_end) is None:
                found.append(Mention(match[1], start, previous_end))
    return found


# URLs. A host run is a longest stretch of what host names are made of, dots included; each is looked at once.
_HOST_BREAK = (
    r"\x00-\x20\x7f\x85\xa0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff"
    r"!\"#$%&'()*+,/:;<=>?@\[\\\]^`{|}~"
)
_HOST_CHARACTER = rf"[^{_HOST_BREAK}._\-]"
_HOST_RUN = re.compile(rf"[^{_HOST_BREAK}]*")
_HOST_DOT = re.compile(rf"\.(?<={_HOST_CHARACTER}.){_HOST_CHARACTER}")
_PLAIN_HOST = re.compile(r"(?:[A-Za-z0-9]++(?:-++[A-Za-z0-9]++)*+\.)++([A-Za-z]++)")
_NOT_BEFORE_URL = r"A-Za-z0-9@＠$#＃\ufeff\ufffe\uffff"
_HOST_START = re.compile(rf"(?<![{_NOT_BEFORE_URL}]){_HOST_CHARACTER}")
_PROTOCOL = re.compile(rf"(?<![{_NOT_BEFORE_URL}])https?://\Z", re.IGNORECASE | re.ASCII)
_ASCII_HOST = re.compile(rf"(?:[\-A-Za-z0-9{_LATIN_ACCENTED}]++\.)+")

# A path or query is written as stretches that end well, so that a failing end costs one look ahead and no backtracking.
_PATH_INNER = r"!*';:,.$%\[\]\u2013~@|&"
_PATH_END = rf"A-Za-z0-9+\-=_#/\u0400-\u04ff{_LATIN_ACCENTED}"
_PATH_ANY = rf"[{_PATH_INNER}{_PATH_END}]"
_PARENTHESES = rf"\((?:{_PATH_ANY}++|{_PATH_ANY}*+\({_PATH_ANY}++\){_PATH_ANY}*+)\)"
_PATH = rf"/(?:[{_PATH_INNER}]*+(?:[{_PATH_END}]|{_PARENTHESES}))*+"
_QUERY = r"\?(?:[!?*'@();:+$%\[\].,~|]*+[A-Za-z0-9\-_&=#/])++"
_TAIL = re.compile(rf"(?::[0-9]+)?({_PATH})?(?:{_QUERY})?")
_TCO = re.compile(rf"https?://t\.co/([a-z0-9]+)(?:{_QUERY})?", re.IGNORECASE | re.ASCII)
_DOTS_OF_HOSTS = re.compile(r"[.\u3002\uff0e\uff61]")

_ASCII_LABEL = re.compile(r"[A-Za-z0-9]+")
_PUNYCODE_LABEL = re.compile(r"xn--[\-a-z0-9]+", re.IGNORECASE | re.ASCII)
_NOT_AFTER_TLD = frozenset(ascii_letters + digits + "@+-")
_TLDS = frozenset(
    line
    for line in Path(__file__).with_name("tlds.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
)
_OTHER_TLD_LENGTHS: dict[str, list[int]] = {}
for _tld in sorted((tld for tld in _TLDS if not tld.isascii()), key=len, reverse=True):
    _OTHER_TLD_LENGTHS.setdefault(_tld[0], []).append(len(_tld))


def _urls(text: str) -> Iterator[Url]:
    at = free = 0
    while dot := _HOST_DOT.search(text, at + 1):
        start = dot.start() - _run_length(text[at : dot.start()][::-1])
        at = dot.start() + _run_length(text, dot.start())
        for begin, end in _hosts(text, start, at, free):
            tail = _TAIL.match(text, end)
            stop = tail.end() if tail else end
            protocol = _PROTOCOL.search(text, max(free, begin - len("https://")), begin)
            first = protocol.start() if protocol else begin
            if _fits(text, first, begin, end, stop):
                if first < begin:
                    yield from _with_protocol(text, first, stop)
                elif begin == 0 or text[begin - 1] not in "-_./":
                    yield from _without_protocol(text, begin, end, stop if tail and tail[1] else end)
            at = max(at, stop)
            free = stop + 1


def _run_length(text: str, at: int = 0) -> int:
    match = _HOST_RUN.match(text, at)
    return match.end() - at if match else 0


def _hosts(text: str, start: int, end: int, free: int) -> Iterator[tuple[int, int]]:
    """Where the host names in the run `text[start:end]` start and end: none before `free`, each as long as possible."""
    plain = _PLAIN_HOST.fullmatch(text, start, end)
    ends_well = plain and plain[1].lower() in _TLDS and text[end : end + 1] not in _NOT_AFTER_TLD
    if ends_well and start >= free and _HOST_START.match(text, start):
        yield start, end
        return
    dots = [at for at in range(start, end) if text[at] == "."]
    labels = list(zip([start, *(dot + 1 for dot in dots)], [*dots, end], strict=True))
    tlds = [0, *(_tld_end(text, begin) for begin, _ in labels[1:])]
    reach = _reach(text, labels, tlds)
    i = 0
    while i < len(labels) - 1:
        begin, stop = labels[i]
        target, floor = reach[i + 1], max(begin, free)
        if not target and tlds[i + 1]:
            # The label before the top-level domain holds no underscore; those before it may.
            target, floor = i + 1, max(floor, text.rfind("_", begin, stop) + 1)
        may_start_here = target and begin < stop and text[stop - 1] not in "-_"
        if may_start_here and (first := _HOST_START.search(text, floor, stop)):
            yield first.start(), tlds[target]
            free = tlds[target] + 1
            i = target
        else:
            i += 1


def _reach(text: str, labels: list[tuple[int, int]], tlds: list[int]) -> list[int]:
    """For each label, the index of the furthest top-level domain of a host name that holds the label whole, or 0."""
    reach = [0] * (len(labels) + 1)
    for i in range(len(labels) - 2, -1, -1):
        begin, stop = labels[i]
        if begin < stop and text[begin] not in "-_" and text[stop - 1] not in "-_":
            ends_here = tlds[i + 1] and "_" not in text[begin:stop]
            reach[i] = reach[i + 1] or (i + 1 if ends_here else 0)
    return reach


def _tld_end(text: str, at: int) -> int:
    """Where the top-level domain that starts at `at` ends, or 0. Letters that are not ASCII may follow it directly."""
    if match := _PUNYCODE_LABEL.match(text, at):
        return match.end()
    if match := _ASCII_LABEL.match(text, at):
        end = match.end()
        if end == len(text) or text[end].isascii():
            return end if match[0].lower() in _TLDS and text[end : end + 1] not in _NOT_AFTER_TLD else 0
        if match[0].lower() in _TLDS:
            return end
    ends = (at + length for length in _OTHER_TLD_LENGTHS.get(text[at : at + 1].lower(), ()) if at + length <= len(text))
    return next((end for end in ends if text[at:end].lower() in _TLDS and text[end : end + 1] not in _NOT_AFTER_TLD), 0)


def _fits(text: str, first: int, begin: int, end: int, stop: int) -> bool:
    """Whether the URL and each label of its host stay within their lengths once the host is written in ASCII."""
    length = stop - begin + (begin - first or len("https://"))
    if length > URL_LENGTH_MAX:
        return False
    for label in _DOTS_OF_HOSTS.split(text[begin:end]):
        # Punycode never shortens, so a long label needs no encoding to be refused.
        if len(label) > HOST_LABEL_LENGTH_MAX:
            return False
        try:
            encoded = len(label) if label.isascii() else len("xn--") + len(label.encode("punycode"))
        except UnicodeError:
            return False
        if encoded > HOST_LABEL_LENGTH_MAX:
            return False
        length += encoded - len(label)
    return length <= URL_LENGTH_MAX


def _with_protocol(text: str, first: int, stop: int) -> Iterator[Url]:
    short = _TCO.match(text, first, stop)
    if short is None:
        yield Url(text[first:stop], first, stop)
    elif len(short[1]) <= TCO_SLUG_LENGTH_MAX:
        yield Url(short[0], first, short.end())


def _without_protocol(text: str, begin: int, end: int, stop: int) -> Iterator[Url]:
    """Without a protocol only ASCII host names count, so that words written against one are left out of it."""
    for match in _ASCII_HOST.finditer(text, begin, end):
        dots = [at for at in range(match.end() - 1, match.start(), -1) if text[at] == "."]
        host_end = next((tld for at in dots if (tld := _tld_end(text, at + 1)) and tld <= end), 0)
        if host_end:
            last = stop if host_end == end else host_end
            yield Url(text[match.start() : last], match.start(), last)
