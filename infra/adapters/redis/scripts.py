"""The Lua scripts of the package, each with what all of them share in front of it."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Self


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the name by which a server that has it in its cache knows it."""

    text: str
    sha: str

    @classmethod
    def load(cls, name: str) -> Self:
        """Read a script of this package."""
        folder = files("infra.adapters.redis")
        text = "".join((folder / f"{part}.lua").read_text(encoding="utf-8") for part in ("lists", name))
        return cls(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True)
class Scripts:
    """All of them. A script is named by its content, so that two releases at work on one server do not meet."""

    begin: Script
    finish: Script
    backfill: Script
    newest: Script
    push: Script

    @classmethod
    def load(cls) -> Self:
        """Read them all."""
        return cls(*map(Script.load, ("begin", "finish", "backfill", "newest", "push")))
