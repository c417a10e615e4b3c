"""The schema's text beside the code says what the schema is, so that every change of it is seen and meant."""

from pathlib import Path

from graphql import build_schema, find_breaking_changes

from tests.answers import roost_schema

SDL = Path(__file__).parents[2] / "schema" / "schema.graphql"


def test_the_printed_schema_is_the_file() -> None:
    assert SDL.read_text() == roost_schema().as_str() + "\n", (
        "The schema has changed. If that is meant, run `roost schema > schema/schema.graphql`."
    )


def test_nothing_that_clients_use_has_broken_since_the_file_was_printed() -> None:
    changes = find_breaking_changes(build_schema(SDL.read_text()), build_schema(roost_schema().as_str()))

    assert [change.description for change in changes] == []
