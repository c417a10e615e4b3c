"""Every rule of the protocol has tests that name it, and that fail when it is broken on purpose.

A fault was planted for each line of the table, and the test seen to fail by it. That they are there and name their
rules is checked here, so that the table stays true while tests are moved and renamed.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.proofs import RULES

ROOT = Path(__file__).parents[1]
PROTOCOL = ROOT / "../shared/protocol.md"


@cache
def docstrings(name: str) -> Mapping[str, str]:
    """Return what each test of a file says of itself, together with what the file does."""
    module = ast.parse((ROOT / "tests" / name).read_text(encoding="utf-8"))
    of_file = ast.get_docstring(module) or ""
    return {
        node.name: f"{of_file} {ast.get_docstring(node) or ''}"
        for node in module.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def named(text: str) -> Iterator[str]:
    """Yield the rules that a text names, singly or as a range such as L1-L6."""
    for letter, first, last in re.findall(r"\b([LFPCV])(\d+)\b(?:(?:-| to )\1(\d+)\b)?", text):
        for number in range(int(first), int(last or first) + 1):
            yield f"{letter}{number}"


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_named_by_the_tests_that_fail_when_it_is_broken(rule: str) -> None:
    for _, test in RULES[rule]:
        file, _, function = test.partition("::")
        assert rule in named(docstrings(file).get(function, "")), f"{test} is not there, or does not name {rule}"


def test_every_rule_of_the_protocol_has_such_a_test() -> None:
    if not PROTOCOL.exists():
        pytest.skip("the protocol's text is not beside this checkout")
    rules = re.findall(r"^- ([LFPCV]\d+)\.", PROTOCOL.read_text(encoding="utf-8"), re.MULTILINE)

    assert sorted(RULES) == sorted(rules)
