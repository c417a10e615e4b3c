"""Where the JavaScript applications are made ready: their packages, kept outside the tree, and what is generated."""

import asyncio
import hashlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from infra.stack.artefacts import cache_folder
from infra.web.build import Node, find_node, run_step

SOURCE = Path(__file__).parent / "javascript"
SCHEMA = Path(__file__).parents[2] / "schema" / "schema.graphql"
PACKAGES = ("package.json", "package-lock.json", ".npmrc")
RUN_S = 60.0


class Workshop:
    """A folder with the applications' sources, their packages, and what the generators make of the schema."""

    def __init__(self, folder: Path, node: Node) -> None:
        self.folder = folder
        self._node = node

    def run(self, name: str, *arguments: str) -> str:
        """Run a program of the packages, named by its file in node_modules, and return what it printed.

        infra.web.build.BuildError with its output if it fails.
        """
        program = self.folder / "node_modules" / name
        return run_step([*self._node.node, str(program), *arguments], name, self.folder, self._node.path)

    @asynccontextmanager
    async def application(self, name: str, given: Mapping[str, str]) -> AsyncIterator["Application"]:
        """Start one of the applications; it is ended in any case."""
        process = await asyncio.create_subprocess_exec(
            *self._node.node,
            "--import=tsx",
            f"src/{name}",
            cwd=self.folder,
            env={**os.environ, "PATH": self._node.path, "NODE_ENV": "production", **given},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield Application(process)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


class Application:
    """One that runs. What it says is lines of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def said(self) -> Any:
        """Wait for the next line; EOFError once there is none."""
        assert self._process.stdout is not None
        async with asyncio.timeout(RUN_S):
            line = await self._process.stdout.readline()
        if not line:
            raise EOFError
        return json.loads(line)

    async def ended(self) -> list[Any]:
        """Wait for its end, which must be a good one and without a complaint, and return all that it said."""
        async with asyncio.timeout(RUN_S):
            output, complaints = await self._process.communicate()
        assert (self._process.returncode, complaints.decode()) == (0, ""), complaints.decode()
        return [json.loads(line) for line in output.splitlines()]


def make_workshop(folder: Path) -> Workshop:
    """Make a fresh one; its packages are fetched once for a lock file. BuildError if they cannot be had."""
    shutil.copytree(SOURCE, folder, dirs_exist_ok=True)
    shutil.copy(SCHEMA, folder / "schema.graphql")
    (folder / "src" / "__generated__").mkdir()
    node = find_node(folder.parent, print)
    (folder / "node_modules").symlink_to(_packages(node))
    return Workshop(folder, node)


def _packages(node: Node) -> Path:
    digest = hashlib.sha256(b"".join((SOURCE / name).read_bytes() for name in PACKAGES)).hexdigest()[:16]
    kept = cache_folder(os.environ) / f"clients-{digest}"
    if not kept.exists():
        making = kept.with_name(f"{kept.name}.{os.getpid()}")
        making.mkdir(parents=True)
        try:
            for name in PACKAGES:
                shutil.copy(SOURCE / name, making)
            run_step([*node.npm, "ci", f"--cache={making / 'npm-cache'}"], "npm ci", making, node.path)
            shutil.rmtree(making / "npm-cache")
            with suppress(OSError):  # another run was quicker
                making.rename(kept)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return kept / "node_modules"
