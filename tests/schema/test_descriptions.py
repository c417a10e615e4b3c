"""The schema tells of everything that it holds what it is."""

from schema.descriptions import TEXTS, described
from tests.answers import roost_schema

PARTS = list(described(roost_schema()._schema))


def test_everything_is_described() -> None:
    assert [names[0] for names, part in PARTS if not part.description] == []


def test_no_description_is_left_of_what_is_gone_or_describes_itself() -> None:
    used = {next((name for name in names if TEXTS.get(name) == part.description), "") for names, part in PARTS}
    assert TEXTS.keys() - used == set()
