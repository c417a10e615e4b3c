"""The indices: what they hold and how, the aliases by which they are reached, and how another takes their place."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from infra.adapters.guard import Refused
from infra.adapters.opensearch.connection import OpenSearchConnection
from loaders.errors import Unavailable

SHARDS = 3
REFRESH = "400ms"
BEGINNING_MAX = 2
"""Longest beginning of a word that is looked for: a gram of three lacks one of its characters at least."""
WHOLE = "is_whole"

# Words come folded, cut by script and with spaces between them: what is left to the analyzer is to part them there.
ANALYSIS = {"analyzer": {"words": {"type": "custom", "tokenizer": "whitespace"}}}
TWEETS = {
    "id": {"type": "long"},
    "author_id": {"type": "long"},
    "words": {
        "type": "text",
        "analyzer": "words",
        "norms": False,
        "index_prefixes": {"min_chars": 1, "max_chars": BEGINNING_MAX},
    },
    "hashtags": {"type": "keyword"},
    "mentions": {"type": "keyword"},
    "lang": {"type": "keyword"},
    "has_media": {"type": "boolean"},
}
USERS = {"user_id": {"type": "long"}, "names": {"type": "keyword"}, "followers": {"type": "long"}}


class Names(NamedTuple):
    """The indices, or the aliases, of tweets and of accounts."""

    tweets: str
    users: str


def aliases_of(name: str) -> Names:
    """Return the aliases by which whoever searches or writes reaches the indices in use."""
    return Names(f"{name}-tweets", f"{name}-users")


class Indices:
    """Makes indices, and says which are in use."""

    def __init__(self, connection: OpenSearchConnection, replicas: int = 0) -> None:
        self._connection = connection
        self._replicas = replicas
        self.aliases = aliases_of(connection.name)

    async def in_use(self) -> Names | None:
        """Return the indices behind the aliases; None if there are none."""
        found = []
        for alias in self.aliases:
            try:
                answer = await self._connection.call(lambda client: client.indices.get_alias(name=alias))  # noqa: B023
            except Refused:
                return None
            found.append(max(answer))
        return Names(*found)

    async def ensure(self, is_whole: bool, label: str) -> bool:
        """Make the indices unless some are in use; answer whether that was done. Any number may do so at once."""
        if await self.in_use() is not None:
            return False
        made = await self.make(label, is_whole)
        await self.use(made)
        return True

    async def make(self, label: str, is_whole: bool) -> Names:
        """Make indices beside those in use, empty, with names that end in a label."""
        names = Names(*(f"{alias}-{label}" for alias in self.aliases))
        for index, properties, sort in ((names.tweets, TWEETS, "id"), (names.users, USERS, "followers")):
            body = self._body(properties, sort, is_whole)
            await self._connection.call(lambda client: client.indices.create(index=index, body=body))  # noqa: B023
        return names

    async def use(self, names: Names) -> Sequence[str]:
        """Let the aliases lead to these indices, both at one moment; answer the names of those in use before."""
        actions: list[dict[str, Any]] = []
        before = await self._all()
        for alias, index in zip(self.aliases, names, strict=True):
            # What is not there may be taken away: two that make the first indices at once are no trouble so.
            actions.append({"remove": {"index": f"{alias}-*", "alias": alias, "must_exist": False}})
            actions.append({"add": {"index": index, "alias": alias, "is_write_index": True}})
        await self._connection.call(lambda client: client.indices.update_aliases(body={"actions": actions}))
        return [each for each in before if each not in names]

    async def delete(self, indices: Sequence[str]) -> None:
        """Delete indices, those that are there."""
        if indices:
            await self._connection.call(
                lambda client: client.indices.delete(index=",".join(indices), params={"ignore_unavailable": "true"})
            )

    async def is_whole(self) -> bool:
        """Tell whether the indices in use have all that there was when they were made; not so while there are none."""
        try:
            answer = await self._connection.call(lambda client: client.indices.get_mapping(index=self.aliases.tweets))
        except Refused:
            return False
        return all(bool(each["mappings"].get("_meta", {}).get(WHOLE)) for each in answer.values())

    async def call_whole(self, names: Names) -> None:
        """Note that indices have all that there is."""
        for index in names:
            await self._connection.call(
                lambda client: client.indices.put_mapping(index=index, body={"_meta": {WHOLE: True}})  # noqa: B023
            )

    async def refresh(self, names: Names) -> None:
        """Let all that was written be found."""
        await self._connection.call(lambda client: client.indices.refresh(index=",".join(names)))

    async def _all(self) -> Sequence[str]:
        pattern = ",".join(f"{alias}-*" for alias in self.aliases)
        answer = await self._connection.call(lambda client: client.indices.get(index=pattern))
        # The names of another cluster's may begin with ours.
        return sorted(each for each in answer if each.rpartition("-")[0] in self.aliases)

    def _body(self, properties: dict[str, Any], sort: str, is_whole: bool) -> dict[str, Any]:
        return {
            "settings": {
                "number_of_shards": SHARDS,
                "auto_expand_replicas": f"0-{self._replicas}",
                "refresh_interval": REFRESH,
                # Matches lie as they are asked for, so that reading ends where there are enough.
                "sort.field": sort,
                "sort.order": "desc",
                "analysis": ANALYSIS,
            },
            "mappings": {"dynamic": "strict", "_meta": {WHOLE: is_whole}, "properties": properties},
        }


def no_index() -> Unavailable:
    """Return what is said where the aliases lead nowhere."""
    return Unavailable("There is no search index: `roost migrate` makes one", retry_after_s=5.0)
