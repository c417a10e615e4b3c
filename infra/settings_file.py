"""The settings file: read as TOML, and changed by one key at a time, with all else in it left as it stands."""

import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

SettingValue = str | int | float | Sequence[str]


def read_file(path: Path) -> Mapping[str, object]:
    """Return the keys of a settings file, none where there is no file. Raises ValueError for what is not TOML."""
    return tomllib.loads(_text_of(path))


def read_env_file(path: Path) -> Mapping[str, str]:
    """Return the variables of a file of `NAME=value` lines; empty ones and those that begin with # say nothing.

    Raises ValueError with the number of a line that is neither.
    """
    variables = {}
    for number, line in enumerate(_text_of(path).splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.removeprefix("export ").partition("=")
        if not equals or not name.strip().isidentifier():
            raise ValueError(f"line {number} is not NAME=value")
        variables[name.strip()] = value.strip().strip("\"'")
    return variables


def write_key(path: Path, name: str, value: SettingValue) -> None:
    """Set one key, comments and other keys kept. A crash leaves the old file or the new one.

    Raises ValueError if the file is not TOML, or writes the key in a way that cannot be changed safely.
    """
    old_text = _text_of(path)
    wanted = dict(tomllib.loads(old_text)) | {name: value if isinstance(value, str | int | float) else list(value)}
    new_text = _with_key(old_text, name, f"{name} = {json.dumps(value, ensure_ascii=False)}\n")
    # A key may stand quoted, under a table or within a long string: none of these is changed blindly.
    if _parsed(new_text) != wanted:
        raise ValueError(f"{name} stands there in a way that only its author can change")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8", newline="\n") as file:
        file.write(new_text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _text_of(path: Path) -> str:
    try:
        # Some editors put a byte order mark first, which TOML does not know.
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""


def _with_key(text: str, name: str, line: str) -> str:
    lines = text.splitlines(keepends=True)
    for start, old_line in enumerate(lines):
        if re.match(rf"\s*{re.escape(name)}\s*=", old_line) is None:
            continue
        # The value ends with the first line at which what was read so far is whole.
        for end in range(start + 1, len(lines) + 1):
            if _parsed("".join(lines[start:end])) is not None:
                return "".join([*lines[:start], line, *lines[end:]])
    return (text if not text or text.endswith("\n") else text + "\n") + line


def _parsed(text: str) -> dict[str, object] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
