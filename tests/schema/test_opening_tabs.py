"""The documents of GraphiQL's opening tabs: what a developer sees first is valid, and works as it stands."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from graphql import parse, validate

from schema.api import create_schema
from schema.limits import Limits

SOURCES = Path(__file__).parents[2] / "infra" / "web" / "graphiql" / "src"
TEXT = re.compile(r"^(?:export )?const ([A-Z_]+) = `(.*?)`;$", re.MULTILINE | re.DOTALL)
TAB = re.compile(r"^  tab\(([A-Z_]+), ", re.MULTILINE)
NAMED = re.compile(r"\$\{([A-Z_]+)\}")


def texts() -> Mapping[str, str]:
    """Return the templates by name, with those that they name put in."""
    found: dict[str, str] = {}
    for name in ("fragments.js", "tabs.js"):
        for key, text in TEXT.findall((SOURCES / name).read_text()):
            found[key] = NAMED.sub(lambda match: found[match[1]], text)
    return found


TABS = TAB.findall((SOURCES / "tabs.js").read_text())


def test_there_is_a_tab_for_each_of_the_main_things() -> None:
    assert TABS[0] == "HOME_TIMELINE"
    assert {"HOME_TIMELINE_UPDATES", "POST_TWEET", "SEARCH", "NOTIFICATIONS", "TRENDS", "AUDIT"} <= set(TABS)


@pytest.mark.parametrize("name", TABS)
def test_a_tabs_document_is_valid_and_says_what_it_is_for(name: str) -> None:
    text = texts()[name]

    assert text.startswith("# ")
    assert validate(create_schema(Limits(), 10)._schema, parse(text)) == []
