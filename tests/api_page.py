"""Makes docs/api.md: every document of the contract with what a small world answers, and every code with its meaning.

`python -m tests.api_page` writes it; a test holds it against what is answered now.
"""

import asyncio
import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse, print_ast

from tests.answers import CONTRACT
from tests.schema.test_contract_documents import CASES, STREAMS, filled, populated
from tests.world import World, open_world

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
TEXTS = Path(__file__).parent / "contract" / "api_texts.json"
TOKEN = re.compile(r"(eyJ)[\w-]+\.[\w-]+\.[\w-]+")
LIVE_CURSOR = re.compile(r'("liveCursor": "..)[^"]+')
"""It names the log, which is another in each world."""
SIGNATURE = re.compile(r"(signature=)\w+")
LIST_MAX = 2
"""Of a list's items so many are shown; "…" stands for the others."""


async def make_page() -> str:
    """Return the page."""
    texts: Mapping[str, Any] = json.loads(TEXTS.read_text())
    return "\n".join([*_head(texts), *[line async for line in _operations(texts)], *_codes(texts)]).rstrip() + "\n"


def operations() -> dict[str, str]:
    """Return the contract's operations by name, in its order, without their fragments."""
    definitions = [
        each for each in parse(CONTRACT.read_text()).definitions if isinstance(each, OperationDefinitionNode)
    ]
    return {each.name.value: print_ast(each) for each in definitions if each.name is not None}


def _head(texts: Mapping[str, Any]) -> Iterator[str]:
    yield "# The operations\n"
    yield from texts["head"]
    fragments = [each for each in parse(CONTRACT.read_text()).definitions if isinstance(each, FragmentDefinitionNode)]
    yield from _block("graphql", "\n\n".join(print_ast(each) for each in fragments))


async def _operations(texts: Mapping[str, Any]) -> Any:
    documents, shown = operations(), CASES.keys() | STREAMS.keys()
    for title, names in texts["sections"].items():
        yield f"## {title}\n"
        for name, text in names.items():
            if name in shown:
                yield f"### {name}\n\n{text}\n"
                variables, answer = await _answered(name)
                for line in _block("graphql", documents[name]):
                    yield line
                if variables:
                    yield "with\n"
                    for line in _block("json", _json(variables)):
                        yield line
                yield "is answered\n" if name in CASES else "yields, for one event,\n"
                for line in _block("json", _json(answer)):
                    yield line


async def _answered(name: str) -> tuple[Any, Any]:
    """Run one document in a world of its own; return its variables and its answer."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_world(Path(folder)) as world:
            ids = await populated(world)
            if name in CASES:
                case = CASES[name]
                variables = filled(dict(case.variables), ids)
                return variables, (await world.run(name, case.viewer, **variables)).data
            return await _event(world, name, ids)


async def _event(world: World, name: str, ids: Mapping[str, str]) -> tuple[Any, Any]:
    case, act = STREAMS[name]
    variables = filled(dict(case.variables), ids)
    stream = await world.listen(name, case.viewer, **variables)
    await act(world, ids)
    field = re.search(r"\{\s*(\w+)", operations()[name])
    assert field is not None
    return variables, {field[1]: await stream.next()}


def _codes(texts: Mapping[str, Any]) -> Iterator[str]:
    for title, (text, meanings) in texts["codes"].items():
        yield f"## {title}\n\n{text}\n\n| code | meaning |\n|---|---|"
        yield "\n".join(f"| `{code}` | {meaning} |" for code, meaning in sorted(meanings.items())) + "\n"


def _json(value: Any) -> str:
    text = json.dumps(_shortened(value), indent=2, ensure_ascii=False, default=str)
    for secret in (TOKEN, LIVE_CURSOR, SIGNATURE):
        text = secret.sub(r"\1…", text)
    return text


def _shortened(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _shortened(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [*(_shortened(each) for each in value[:LIST_MAX]), *(["…"] if len(value) > LIST_MAX else [])]
    return value


def _block(language: str, code: str) -> list[str]:
    return [f"```{language}", code, "```\n"]


if __name__ == "__main__":
    PAGE.write_text(asyncio.run(make_page()))
