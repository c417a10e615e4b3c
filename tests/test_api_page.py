"""docs/api.md says what is answered now, of every operation and with every code."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

from loaders.errors import RoostError
from tests.api_page import PAGE, TEXTS, make_page, operations

ROOT = Path(__file__).parents[1]
ROOMS = ("infra", "resolvers", "realtime", "loaders")
MADE_OF = {"UserError", "TextProblem", "Flaw"}
CODES, USER_CODES = (meanings for _, meanings in json.loads(TEXTS.read_text())["codes"].values())


def user_codes() -> Iterator[str]:
    """The codes of all that a person can mend, wherever the rooms make one."""
    for path in (path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MADE_OF and node.args:
                match node.args[0]:
                    case ast.Constant(value=str(code)):
                        yield code


async def test_the_page_is_what_is_answered() -> None:
    assert PAGE.read_text() == await make_page(), "say `python -m tests.api_page`"


def test_every_operation_is_told_of() -> None:
    sections = json.loads(TEXTS.read_text())["sections"]
    assert {name for names in sections.values() for name in names} == operations().keys()


def test_every_code_has_its_meaning() -> None:
    assert {RoostError.code, *(kind.code for kind in RoostError.__subclasses__())} <= CODES.keys()
    assert {*user_codes()} <= USER_CODES.keys()
