"""Documents that clients name instead of sending: those that the operator trusts, and those that a client sent before.

Two ways of naming are understood: `documentId` (GraphQL over HTTP, Appendix A) and Apollo's automatic persisted queries
(`extensions.persistedQuery`), as Apollo Client, urql and others send them.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson

from infra.settings import Settings
from loaders.errors import BadUserInput, RoostError
from schema.api import Schema

PREFIX: Final = "sha256:"
PERSISTED: Final = "persistedQuery"
FILE_BYTES_MAX: Final = 10_000_000
_HASH: Final = re.compile(r"[0-9a-f]{64}")


class DocumentUnknown(RoostError):
    """Nobody has told of a document by this name: the client is to send its text, with the hash if it has one."""

    code = "PERSISTED_QUERY_NOT_FOUND"


class DocumentUntrusted(RoostError):
    """This installation runs trusted documents only, and this is none of them."""

    code = "DOCUMENT_NOT_TRUSTED"


class Documents:
    """Finds the text of the document that a request asks for.

    `trusted` documents, by id, are always known, by the SHA-256 of their text as well. Others are known once a client
    has sent text and hash together, the `told_max` used last, none of them longer than `length_max` characters. With
    `only_trusted` nothing else runs, sent or named.
    """

    def __init__(
        self,
        trusted: Mapping[str, str] | None = None,
        only_trusted: bool = False,
        told_max: int = 1_000,
        length_max: int = 20_000,
    ) -> None:
        self._trusted = dict(trusted or {})
        self._texts = frozenset(self._trusted.values())
        self._by_hash = {_hash_of(text): text for text in self._texts}
        self._only_trusted = only_trusted
        self._told: OrderedDict[str, str] = OrderedDict()
        self._told_max = told_max
        self._length_max = length_max

    def __len__(self) -> int:
        """How many documents can be named, those that clients told of included."""
        return len(self._texts) + len(self._told)

    def text(self, members: Mapping[str, Any]) -> Any:
        """Return a request's document: what it has as `query`, where it names none.

        Raises `DocumentUnknown`, `DocumentUntrusted`, or `BadUserInput` for names that are none.
        """
        query, name, extensions = members.get("query"), members.get("documentId"), members.get("extensions")
        if name is not None:
            query = self._named(name, query)
        elif isinstance(extensions, dict) and PERSISTED in extensions:
            query = self._persisted(extensions[PERSISTED], query)
        if self._only_trusted and not (isinstance(query, str) and query in self._texts):
            raise DocumentUntrusted("Only documents that the operator has listed are run here")
        return query

    def _named(self, name: object, query: object) -> str:
        if query:
            raise BadUserInput("Give query or documentId, not both")
        if not isinstance(name, str):
            raise BadUserInput("documentId must be a string")
        found = self._trusted.get(name) or self._hashed(name.removeprefix(PREFIX))
        if found is None:
            raise DocumentUnknown("There is no document of this id")
        return found

    def _persisted(self, persisted: object, query: object) -> str:
        digest = persisted.get("sha256Hash") if isinstance(persisted, dict) and persisted.get("version") == 1 else None
        if not isinstance(digest, str) or _HASH.fullmatch(digest) is None:
            raise BadUserInput(f"extensions.{PERSISTED} must have version 1, and sha256Hash in lower-case hex")
        if isinstance(query, str) and query:
            if _hash_of(query) != digest:
                raise BadUserInput("The sha256Hash is not that of the query")
            self._tell(digest, query)
            return query
        found = self._hashed(digest)
        if found is None:
            # Clients look for these very words.
            raise DocumentUnknown("PersistedQueryNotFound")
        return found

    def _hashed(self, digest: str) -> str | None:
        found = self._by_hash.get(digest)
        if found is None and (found := self._told.get(digest)) is not None:
            self._told.move_to_end(digest)
        return found

    def _tell(self, digest: str, text: str) -> None:
        if self._only_trusted or digest in self._by_hash or len(text) > self._length_max:
            return
        self._told[digest] = text
        self._told.move_to_end(digest)
        if len(self._told) > self._told_max:
            self._told.popitem(last=False)


def documents_of(settings: Settings, schema: Schema) -> Documents:
    """Return the documents that the settings name, each checked; `BadUserInput` says which cannot run, and why."""
    trusted = read_documents(Path(settings.documents_file)) if settings.documents_file else {}
    if settings.documents == "trusted" and not trusted:
        raise BadUserInput("ROOST_DOCUMENTS=trusted needs ROOST_DOCUMENTS_FILE, with at least one document in it")
    for name, text in trusted.items():
        for error in schema.trust(text):
            raise BadUserInput(f"The document {name!r:.80} in {settings.documents_file} cannot run: {error.message}")
    return Documents(
        trusted, settings.documents == "trusted", settings.persisted_documents_max, schema.limits.characters
    )


def read_documents(path: Path) -> dict[str, str]:
    """Return documents by id from a JSON file; `BadUserInput` says what is wrong with it.

    It is an object of texts by id, as graphql-codegen and relay-compiler write them, or Apollo's manifest, whose
    `operations` have an `id` and a `body` each. An id that begins with sha256: is held against its text.
    """
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise BadUserInput(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > FILE_BYTES_MAX:
        raise BadUserInput(f"{path} is longer than {FILE_BYTES_MAX:,} bytes")
    try:
        found = orjson.loads(content)
        if isinstance(found, dict) and isinstance(found.get("operations"), list):
            found = {each["id"]: each["body"] for each in found["operations"]}
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise BadUserInput(f"{path} holds no documents by id") from error
    if not isinstance(found, dict) or not all(isinstance(text, str) and text for text in found.values()):
        raise BadUserInput(f"{path} holds no documents by id")
    for name, text in found.items():
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) != _hash_of(text):
            raise BadUserInput(f"The id {name!r:.80} in {path} is not the hash of its document")
    return found


def _hash_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()
