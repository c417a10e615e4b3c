"""The schema's text beside the code says what the schema is, so that every change of it is seen and meant."""

from pathlib import Path

from graphql import build_schema, find_breaking_changes

from tests.world import roost_schema

SDL = Path(__file__).parents[2] / "schema" / "schema.graphql"


def test_the_printed_schema_is_the_file() -> None:
    assert SDL.read_text() == roost_schema().as_str() + "\n", (
        "The schema has changed. If that is meant, run `roost schema > schema/schema.graphql`."
    )


def test_nothing_that_clients_use_has_broken_since_the_file_was_printed() -> None:
    changes = find_breaking_changes(build_schema(SDL.read_text()), build_schema(roost_schema().as_str()))

    assert [change.description for change in changes] == []


def test_every_type_of_the_schema_says_what_it_is_for() -> None:
    printed = build_schema(roost_schema().as_str())
    bare = [name for name, kind in printed.type_map.items() if name[:2] != "__" and not kind.description]

    assert [name for name in bare if name not in printed_scalars()] == []


def printed_scalars() -> set[str]:
    return {"String", "Int", "Boolean", "ID", "Float"}
