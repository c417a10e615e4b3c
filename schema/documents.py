"""Documents, checked before anything runs and remembered by their text: those that come, and those trusted."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NameNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    specified_rules,
    validate,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from schema.limits import (
    VALIDATION_FAILED,
    CheckedDocument,
    Limits,
    SchemaWords,
    coded,
    prepare,
    refuse_request,
    words_of,
)

# A document's syntax tree takes about half a kilobyte a token; a client's document has about 150 tokens.
_TOKENS_A_DOCUMENT: Final = 150

SPREAD_RULES: Final[tuple[type[ASTValidationRule], ...]] = (MaybeNullValidationRule, OneOfInputValidationRule)


class CachedDocuments:
    """An extension factory for one `strawberry.Schema`: parse, limits and validation with one bounded cache for all.

    A text met again costs a look-up and the price of its operation under the new variables. At most `size` documents
    are kept, and fewer where they are long. Errors carry `extensions.code`, and are bounded in number and length.
    """

    def __init__(self, limits: Limits, size: int = 256) -> None:
        self.limits = limits
        self._size = size
        self._room = size * _TOKENS_A_DOCUMENT
        self._trusted: dict[str, CheckedDocument] = {}
        self._kept: OrderedDict[str, CheckedDocument] = OrderedDict()
        self._words: SchemaWords | None = None

    def __call__(self) -> SchemaExtension:
        """The extension for one request."""
        return _DocumentCheck(self)

    def __len__(self) -> int:
        return len(self._kept)

    def check(
        self,
        schema: GraphQLSchema,
        text: str,
        operation_name: str | None,
        variables: Mapping[str, Any],
        rules: Sequence[type[ASTValidationRule]] = specified_rules,
    ) -> tuple[DocumentNode | None, Sequence[GraphQLError]]:
        """The document to execute and no errors, or the errors to answer with."""
        checked = self._trusted.get(text) or self._kept.get(text)
        if checked is None:
            checked = self._prepared(schema, text)
            self._keep(text, checked)
        elif not checked.trusted:
            self._kept.move_to_end(text)
        errors = checked.refused or refuse_request(checked, operation_name, variables, self.limits)
        if not errors and not checked.validated:
            errors = self._validated(schema, checked, rules)
        return checked.document, errors

    def trust(self, schema: GraphQLSchema, text: str) -> Sequence[GraphQLError]:
        """Keep a document for good, beside those that come and go; answer what is wrong with it, if it cannot run."""
        checked = self._prepared(schema, text)
        errors = checked.refused or self._validated(schema, checked, specified_rules)
        if not errors:
            checked.trusted = True
            self._trusted[text] = checked
        return errors

    def _prepared(self, schema: GraphQLSchema, text: str) -> CheckedDocument:
        if self._words is None:
            self._words = words_of(schema)
        return prepare(text, self.limits, self._words)

    def _validated(
        self, schema: GraphQLSchema, checked: CheckedDocument, rules: Sequence[type[ASTValidationRule]]
    ) -> Sequence[GraphQLError]:
        assert checked.document is not None
        found = validate(schema, checked.document, (*rules, *SPREAD_RULES), max_errors=self.limits.errors)
        checked.refused = [coded(error, VALIDATION_FAILED) for error in found]
        checked.document = None if found else checked.document
        checked.validated = True
        return checked.refused

    def _keep(self, text: str, checked: CheckedDocument) -> None:
        self._kept[text] = checked
        self._room -= checked.weight
        while self._room < 0 or len(self._kept) > self._size:
            _, dropped = self._kept.popitem(last=False)
            self._room += dropped.weight


class _DocumentCheck(SchemaExtension):
    """Hands a request's document over in place of the parser, and its errors in place of validation."""

    def __init__(self, documents: CachedDocuments) -> None:
        self._documents = documents
        self._errors: list[GraphQLError] = []

    def on_parse(self) -> Iterator[None]:
        request = self.execution_context
        name = request.operation_name  # as given: before there is a document it is not guessed from it
        document, errors = self._documents.check(
            request.schema._schema,
            request.query or "",
            name,
            request.variables or {},
            request.validation_rules,
        )
        self._errors = list(errors)
        request.graphql_document = document if document and not errors else _stand_in(name)
        yield

    def on_validate(self) -> Iterator[None]:
        self.execution_context.pre_execution_errors = self._errors
        yield


def _stand_in(name: str | None) -> DocumentNode:
    """An empty query of that name: it lets a refused request pass on to where its errors are answered."""
    operation = OperationDefinitionNode(
        operation=OperationType.QUERY,
        name=NameNode(value=name) if name else None,
        selection_set=SelectionSetNode(selections=()),
    )
    return DocumentNode(definitions=(operation,))
