"""Every fault that Roost is to withstand is caused by tests that are there, and operators are told which."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.proofs_of_faults import FAULTS

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs/operations/faults.md"
CATALOGUE = ROOT / "../shared/faults.md"


@cache
def found_in(file: str) -> set[str]:
    """Return the names of a file's tests."""
    module = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    return {node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def rows(text: str) -> list[list[str]]:
    """Return the cells of all tables' rows, their headings left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] != "fault" and set(row[0]) != {"-"}]


@pytest.mark.parametrize("fault", FAULTS)
def test_the_tests_that_cause_a_fault_are_there_and_the_guide_names_them(fault: str) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    for test in FAULTS[fault]:
        file, _, function = test.partition("::")

        assert function in found_in(file), f"there is no {test}"
        assert f"`{file}`" in guide, f"operators are not told that {file} shows it"


def test_each_row_of_the_guide_names_tests_that_are_there() -> None:
    for fault, *_, shown_by in rows(GUIDE.read_text(encoding="utf-8")):
        files = re.findall(r"`([^`]+)`", shown_by)

        assert files, f"no test shows: {fault}"
        assert [file for file in files if not (ROOT / "tests" / file).is_file()] == [], fault


def test_every_fault_of_the_catalogue_has_tests() -> None:
    if not CATALOGUE.exists():
        pytest.skip("the catalogue's text is not beside this checkout")
    faults = [row[0] for row in rows(CATALOGUE.read_text(encoding="utf-8"))]

    assert sorted(FAULTS) == sorted(faults)
