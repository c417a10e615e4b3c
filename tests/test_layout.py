"""The house rules that a machine can check: rooms, sizes, ports, purity, and what no file may hold."""

import ast
import re
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("infra", "schema", "resolvers", "realtime", "loaders")
LIBRARIES = {"strawberry", "graphql", "orjson", "regex"}
"""All that rooms other than infra import besides the standard library."""
INPUT_OUTPUT = {"asyncio", "http", "io", "multiprocessing", "os", "pathlib", "select", "socket", "sqlite3", "ssl"}
INPUT_OUTPUT |= {"subprocess", "sys", "threading", "urllib"}
OUTSIDE_INFRA = {"asyncio", "pathlib", "threading"}
"""Of these, what other rooms use: the event loop, the table of domains that is read once, the lock of the ids."""
CHANCE_AND_TIME = {"time", "random", "secrets", "uuid"}
EXCEPTIONS = {("realtime/worker.py", "random")}
"""The default of an argument: how far a worker that failed waits at random."""
PURE = ("loaders/merge.py", "loaders/rules.py", "realtime/fanout.py", "realtime/view.py", "realtime/references.py")
ENTRY_POINTS = {"infra.cli.main", "infra.web.build", "infra.cli.__main__", "infra.media.prepare"}
LINES_MAX, FUNCTION_LINES_MAX, PORT_METHODS_MAX = 300, 60, 7
# In pieces, so that this file holds none of them itself.
REGISTRIES = re.compile(
    "|".join([r"npm" r"js\.", r"py" r"pi\.org", r"python" r"hosted", r"index" r"-url", r"un" r"pkg\."])
)
MACHINE_PATHS = re.compile(r"(?:^|[^\w.~-])/(?:work|root|home|Users)/")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def nodes(path: Path) -> Sequence[ast.AST]:
    return [*ast.walk(tree(path))]


def modules(*rooms: str) -> list[Path]:
    return sorted(path for room in rooms or ROOMS for path in (ROOT / room).rglob("*.py"))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def imports(path: Path) -> Sequence[str]:
    """Return the modules that a file imports, wherever in it; for `from a import b` both a and a.b."""
    names: list[str] = []
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{named(path)} imports relatively"
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def roots(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


@cache
def files_in_git() -> list[Path]:
    """Return what is tracked or would be, as text files."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [ROOT / name for name in listed if not name.endswith((".gz", ".png")) and (ROOT / name).is_file()]


def test_a_room_imports_rooms_to_its_right_only() -> None:
    wrong = [
        f"{named(path)}: {room}"
        for place, own in enumerate(ROOMS)
        for path in modules(own)
        for room in roots(path) & {*ROOMS[:place], "tests"}
    ]

    assert wrong == []


def test_only_infra_imports_drivers() -> None:
    allowed = {*ROOMS, *LIBRARIES, *(sys.stdlib_module_names - INPUT_OUTPUT), *OUTSIDE_INFRA}

    assert [(named(path), roots(path) - allowed) for path in modules(*ROOMS[1:]) if roots(path) - allowed] == []


def test_only_infra_knows_the_time_and_chance() -> None:
    found = {(named(path), name) for path in modules(*ROOMS[1:]) for name in roots(path) & CHANCE_AND_TIME}
    found |= {
        (named(path), f"{node.value.id}.{node.attr}")
        for path in modules(*ROOMS[1:])
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if node.value.id in {"datetime", "date"} and node.attr in {"now", "utcnow", "today"}
    }

    assert found == EXCEPTIONS


def test_importing_everything_connects_to_nothing_and_starts_nothing() -> None:
    names = [named(path)[:-3].replace("/", ".") for path in modules() if path.name != "__init__.py"]
    program = f"""
import importlib, sys
def watch(event, arguments):
    if event in {{"sqlite3.connect", "socket.connect", "socket.bind", "subprocess.Popen", "_thread.start_new_thread"}}:
        raise RuntimeError(f"{{event}} {{arguments}}")
sys.addaudithook(watch)
for name in {names!r}:
    importlib.import_module(name)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_shadowed_by_no_installed_package(room: str) -> None:
    assert set(packages_distributions().get(room, [])) <= {"roost"}


def test_no_file_is_too_long() -> None:
    lengths = {named(path): len(path.read_text().splitlines()) for path in modules(*ROOMS, "tests")}

    assert {name: length for name, length in lengths.items() if length > LINES_MAX} == {}


def test_no_function_is_too_long() -> None:
    lengths = {
        f"{named(path)}: {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in modules(*ROOMS, "tests")
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert {name: length for name, length in lengths.items() if length > FUNCTION_LINES_MAX} == {}


def test_every_package_is_declared_by_an_empty_file() -> None:
    folders = {path.parent for path in modules(*ROOMS, "tests")}

    assert [named(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []
    assert [named(path) for path in modules(*ROOMS, "tests") if path.name == "__init__.py" and path.read_text()] == []


def test_every_module_says_what_it_is_for() -> None:
    assert [named(p) for p in modules() if p.name != "__init__.py" and not ast.get_docstring(tree(p))] == []


def test_ports_have_at_most_seven_methods_and_each_states_its_guarantee() -> None:
    ports = [
        (f"{named(path)}: {node.name}", [each for each in node.body if isinstance(each, FUNCTIONS)], node)
        for path in modules()
        if path.name.endswith("ports.py")
        for node in tree(path).body
        if isinstance(node, ast.ClassDef)
        and "Protocol" in {base.id for base in node.bases if isinstance(base, ast.Name)}
    ]

    assert len(ports) >= 10
    asked = {name: [each for each in methods if not is_property(each)] for name, methods, _ in ports}
    assert [name for name, methods in asked.items() if not 1 <= len(methods) <= PORT_METHODS_MAX] == []
    assert [name for name, methods, node in ports if not all(map(ast.get_docstring, (node, *methods)))] == []


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def is_property(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether a function states a fact about its object, and asks nothing of it."""
    return any(isinstance(each, ast.Name) and each.id == "property" for each in function.decorator_list)


@pytest.mark.parametrize("name", PURE)
def test_the_heart_decides_without_any_input_or_output(name: str) -> None:
    path = ROOT / name
    waiting = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)

    assert roots(path) & (INPUT_OUTPUT | CHANCE_AND_TIME | LIBRARIES) == set()
    assert [node.lineno for node in nodes(path) if isinstance(node, waiting)] == []
    assert [node for node in nodes(path) if isinstance(node, ast.Call) and calls(node) in {"open", "print"}] == []


def calls(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


def test_no_module_is_an_orphan() -> None:
    used = {name for path in modules() for name in imports(path)} | ENTRY_POINTS
    known = {named(path)[:-3].replace("/", ".") for path in modules() if path.name != "__init__.py"}

    assert sorted(known - used) == []


def test_entry_points_exist() -> None:
    assert [name for name in ENTRY_POINTS if not (ROOT / f"{name.replace('.', '/')}.py").exists()] == []


@pytest.mark.parametrize("pattern", [REGISTRIES, MACHINE_PATHS], ids=["registries", "paths"])
def test_no_file_names_a_registry_or_a_path_of_one_machine(pattern: re.Pattern[str]) -> None:
    found = [
        f"{named(path)}:{number}: {line.strip()[:80]}"
        for path in files_in_git()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]

    assert found == []


def test_the_patterns_find_what_they_are_for() -> None:
    registry = "https://registry." + "npm" + "js.org/x"
    assert REGISTRIES.search(registry)
    assert MACHINE_PATHS.search("see " + "/" + "work/main")
    assert not MACHINE_PATHS.search("src/work/main")
