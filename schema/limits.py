"""What one request may ask for: texts are scanned, parsed and measured before anything else is done with them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    parse,
)

from schema.cost import CircularFragment, Operation, operations_of, page_defaults
from schema.overlaps import Outline, OverLimit, count_overlaps, outline

QUERY_TOO_COMPLEX: Final = "QUERY_TOO_COMPLEX"
PARSE_FAILED: Final = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED: Final = "GRAPHQL_VALIDATION_FAILED"
BAD_REQUEST: Final = "BAD_REQUEST"

MESSAGE_LENGTH: Final = 400
LOCATIONS: Final = 4

# The lexical tokens of the GraphQL specification, comments among them. The quantifiers give nothing back and what is
# not closed still matches, so that the scan is linear in the text, whatever it holds; the parser judges the rest.
_TOKEN: Final = re.compile(
    r'"""(?:[^"\\]|\\(?:""")?|"(?!""))*+(?:""")?'
    r'|"(?:[^"\\\n\r]|\\.)*+"?'
    r"|\#[^\n\r]*+"
    r"|\.\.\."
    r"|[_A-Za-z][_0-9A-Za-z]*+"
    r"|-?[0-9]++(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
    r"|[!$&():=@\[\]{|}]"
)


@dataclass(frozen=True)
class Limits:
    """What one request may ask for; over any of these it is refused with QUERY_TOO_COMPLEX before it is validated.

    The defaults pass the client contract at `first: 100` and a full introspection query, with room.
    """

    characters: int = 20_000  # of the document's text: the lexer takes a microsecond each
    tokens: int = 1500  # and as many comments
    depth: int = 12
    aliases: int = 30
    directives: int = 50
    root_fields: int = 10
    cost: int = 8000  # fields answered, each page counted at its full size
    page: int = 100  # rows that a page is counted for at most; resolvers refuse who asks for more
    overlaps: int = 1000  # pairs of selections under one response name at one place: validation compares each
    selections: int = 5000  # visited when each place's fragments are spread out
    values: int = 1000  # in the variables, at all levels
    errors: int = 10  # told about an invalid document


@dataclass(slots=True)
class CheckedDocument:
    """A text's outcome: a syntax tree with its operations, or else why it is refused whatever the variables are."""

    weight: int
    document: DocumentNode | None = None
    operations: Mapping[str | None, Operation] = field(default_factory=dict)
    refused: Sequence[GraphQLError] = ()
    validated: bool = False
    trusted: bool = False


@dataclass(frozen=True, slots=True)
class SchemaWords:
    """The names that a schema knows: its paged fields with their default sizes, and all of its fields."""

    paged: Mapping[str, int]
    fields: frozenset[str]


def words_of(schema: GraphQLSchema) -> SchemaWords:
    """Read the words off a schema."""
    fields = {name for kind in schema.type_map.values() for name in getattr(kind, "fields", ())}
    return SchemaWords(page_defaults(schema), frozenset(fields | {"__typename", "__schema", "__type"}))


def prepare(text: str, limits: Limits, words: SchemaWords | None = None) -> CheckedDocument:
    """Scan, parse and measure a text; needs no schema. Never raises: what is wrong stands in `refused`."""
    weight = 1 + len(text) // 64
    try:
        tokens, seen = _scan(text, limits)
        weight += tokens
        if words and (unknown := [name for name in seen.fields if name not in words.fields])[limits.errors :]:
            return CheckedDocument(weight, refused=_unknown_fields(unknown, limits.errors))
        document = parse(text, max_lexical_tokens=limits.tokens)
        return CheckedDocument(weight, document, _measure(document, limits, words.paged if words else {}))
    except GraphQLSyntaxError as error:
        return CheckedDocument(weight, refused=[coded(error, PARSE_FAILED)])
    except OverLimit as error:
        return CheckedDocument(weight, refused=[_too_complex(error, limits)])
    except CircularFragment as error:
        return CheckedDocument(weight, refused=[_invalid(str(error))])


def refuse_request(
    checked: CheckedDocument, operation_name: str | None, variables: Mapping[str, Any], limits: Limits
) -> list[GraphQLError]:
    """What speaks against one request with a document that stands: its operation's name, its variables, its cost."""
    if operation_name is None and len(checked.operations) != 1:
        message = "Name the operation to run: the document holds " + ("several." if checked.operations else "none.")
        return [GraphQLError(message, extensions={"code": BAD_REQUEST})]
    operation = (
        checked.operations.get(operation_name)
        if operation_name is not None
        else next(iter(checked.operations.values()))
    )
    if operation is None:
        message = f"The document holds no operation named {operation_name!r:.80}."
        return [GraphQLError(message, extensions={"code": BAD_REQUEST})]
    try:
        _at_most("values", _count_values(variables, limits.values), limits)
        _at_most("cost", operation.cost(variables), limits)
    except OverLimit as error:
        return [_too_complex(error, limits)]
    return []


def _scan(text: str, limits: Limits) -> tuple[int, Outline]:
    """Hold the raw text against the limits that need no parser, many times faster than it. Also counts its tokens."""
    _at_most("characters", len(text), limits)
    found = _TOKEN.findall(text)
    tokens = [token for token in found if token[0] != "#"]
    _at_most("tokens", max(len(tokens), len(found) - len(tokens)), limits)
    _at_most("directives", tokens.count("@"), limits)
    seen = outline(tokens)
    _at_most("aliases", seen.aliases, limits)
    _at_most("root_fields", seen.root_fields, limits)
    _at_most("overlaps", seen.overlaps, limits)
    return len(found), seen


def _measure(document: DocumentNode, limits: Limits, paged: Mapping[str, int] | None) -> dict[str | None, Operation]:
    operations = operations_of(document, paged, limits.page)
    for operation in operations.values():
        _at_most("depth", operation.depth, limits)
        _at_most("root_fields", operation.root_fields, limits)
    _at_most("overlaps", count_overlaps(document, limits.selections), limits)
    return operations


def _count_values(variables: Mapping[str, Any], most: int) -> int:
    """Values in the variables at all levels; stops soon after `most`."""
    count = 0
    pending: list[Any] = [variables]
    while pending and count <= most:
        value = pending.pop()
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        count += len(inner)
        if count <= most:
            pending.extend(inner)
    return count


def _at_most(limit: str, value: int, limits: Limits) -> None:
    if value > getattr(limits, limit):
        raise OverLimit(limit, value)


def _too_complex(error: OverLimit, limits: Limits) -> GraphQLError:
    most = getattr(limits, error.limit)
    value = min(error.value, 10**9)  # doubling fragments can price themselves at a number of a hundred digits
    message = f"The request is too complex: {error.limit.replace('_', ' ')} {value}, at most {most}."
    extensions = {"code": QUERY_TOO_COMPLEX, "limit": error.limit, "value": value, "most": most}
    return GraphQLError(message, extensions=extensions)


def _unknown_fields(names: Sequence[str], most: int) -> list[GraphQLError]:
    """For a document that is full of them; where they are few, validation tells more about each."""
    errors = [_invalid(f"No type has a field '{name[:40]}'.") for name in names[:most]]
    return [*errors, _invalid(f"{len(names) - most} more fields are unknown.")]


def _invalid(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": VALIDATION_FAILED})


def coded(error: GraphQLError, code: str) -> GraphQLError:
    """The same error, short, with a code, and without the frames and nodes that it would keep alive in the cache."""
    positions = list(error.positions or ())[:LOCATIONS]
    message = error.message[:MESSAGE_LENGTH]
    if error.source and positions:
        return GraphQLError(message, source=error.source, positions=positions, extensions={"code": code})
    return GraphQLError(message, extensions={"code": code})
