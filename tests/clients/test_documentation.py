"""docs/clients.md shows what the tests run, and nothing else: each block of code stands in one of the applications."""

import re
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "clients.md"
BLOCK = re.compile(r"<!-- (?P<file>\S+): (?P<region>\w+) -->\n```\w+\n(?P<code>.*?)```\n", re.DOTALL)


def region(file: str, name: str) -> str:
    """The lines of a file between `docs: name` and `docs: end`, wherever they stand, as far to the left as they go."""
    kept: list[str] = []
    taken = False
    for line in (ROOT / file).read_text().splitlines():
        mark = re.fullmatch(r"\s*(?://|#) docs: (\w+)", line)
        if mark is not None:
            taken = mark[1] == name
        elif taken:
            kept.append(line)
    return dedent("\n".join(kept)).strip() + "\n"


BLOCKS = [match.groupdict() for match in BLOCK.finditer(PAGE.read_text())]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{Path(block['file']).name}-{block['region']}")
def test_what_the_page_shows_is_what_the_tests_run(block: dict[str, str]) -> None:
    assert block["code"] == region(block["file"], block["region"])


def test_every_block_says_where_it_stands() -> None:
    fences = PAGE.read_text().count("\n```") // 2
    assert fences == len(BLOCKS) >= 10
