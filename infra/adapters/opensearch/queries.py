"""Searches in OpenSearch's own language. Pure: the tree by which every index is asked, as filters without scores."""

from typing import Any

from loaders.search_query import Both, Either, Mark, MarkKind, Node
from loaders.words import Phrase

EXPANSIONS_MAX = 1_000
Query = dict[str, Any]
_FIELDS = {MarkKind.HASHTAG: "hashtags", MarkKind.MENTION: "mentions", MarkKind.LANG: "lang"}


def newest_query(root: Node, below: int, lowest: int) -> Query:
    """Return what finds the matches with `lowest` <= id < `below`."""
    return {"bool": {"filter": [query_of(root), {"range": {"id": {"gte": lowest, "lt": below}}}]}}


def query_of(node: Node) -> Query:
    """Return what finds the tweets that a part of a query means."""
    match node:
        case Phrase():
            return _of_phrase(node)
        case Mark(MarkKind.AUTHOR, value):
            return {"term": {"author_id": int(value)}}
        case Mark(MarkKind.MEDIA, _):
            return {"term": {"has_media": True}}
        case Mark(kind, value):
            return {"term": {_FIELDS[kind]: value}}
        case Either(parts):
            return {"bool": {"should": [query_of(part) for part in parts], "minimum_should_match": 1}}
        case Both(wanted, unwanted):
            query: Query = {"filter": [query_of(part) for part in wanted]}
            if unwanted:
                query["must_not"] = [query_of(part) for part in unwanted]
            return {"bool": query}


def _of_phrase(phrase: Phrase) -> Query:
    words = " ".join(phrase.words)
    match len(phrase.words), phrase.is_open:
        case 1, False:
            return {"term": {"words": words}}
        case 1, True:
            return {"prefix": {"words": words}}
        case _, False:
            return {"match_phrase": {"words": words}}
        case _:
            # The field keeps the beginnings of its words, so that nothing is expanded where these are looked for.
            return {"match_phrase_prefix": {"words": {"query": words, "max_expansions": EXPANSIONS_MAX}}}


def users_query(prefixes: list[str]) -> Query:
    """Return what finds the accounts of whose names some begin with each of these."""
    return {"bool": {"filter": [{"prefix": {"names": prefix}} for prefix in prefixes]}}
