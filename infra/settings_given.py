"""What settings were given: read from variables and files, each value checked, all problems told at once."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from infra.setting_kinds import SECRET, Kind, Refused
from infra.settings_file import read_env_file, read_file

PREFIX = "ROOST_"
DATA_DIR = "data_dir"
ENV_FILE = "ROOST_ENV_FILE"
VALUE_LENGTH_MAX = 200
PORTS = ("log_url", "users_url", "tweets_url", "graph_url", "keys_url", "timelines_url", "broadcast_url")


class SettingsError(Exception):
    """Settings that cannot stand: `problems` has a line for each, naming the setting, its value, what is allowed.

    Passwords in URLs are masked.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(masked(problem) for problem in problems)
        super().__init__("\n".join(self.problems))


class Given:
    """What was read so far: values and where each came from, by name, and the problems met. The first source wins."""

    def __init__(self, settings: type[Any]) -> None:
        self.kinds: dict[str, Kind] = {each.name: each.metadata["kind"] for each in fields(settings)}
        self.defaults: dict[str, Any] = {each.name: each.default for each in fields(settings)}
        self.values: dict[str, Any] = {}
        self.sources: dict[str, str] = {}
        self.problems: list[str] = []

    def take(self, name: str, value: object, source: str) -> None:
        """Read one value; `source` is how its owner calls it."""
        kind = self.kinds.get(name)
        if kind is None:
            self.problems.append(unknown(name, source, self.kinds))
            return
        if name in self.sources:
            return
        self.sources[name] = source
        said = _said(source, "***" if kind is SECRET else value)
        try:
            self.values[name] = kind.read(value)
        except Refused as refused:
            self.problems.append(f"{said}; allowed is {kind.allowed} ({refused})")
        except (ValueError, TypeError, OSError):
            self.problems.append(f"{said}; allowed is {kind.allowed}")

    def beside(self, env_file: Path, environ: Mapping[str, str]) -> Mapping[str, str]:
        """Return the environment with the variables of a file behind it."""
        try:
            if not env_file.is_file():
                raise FileNotFoundError
            return {**read_env_file(env_file), **environ}
        except ValueError as error:
            self.problems.append(f"{env_file}: {error}")
        except OSError:
            self.problems.append(f"{env_file}: is no file that can be read")
        return environ

    def take_file(self, path: Path) -> None:
        """Read what a settings file says, if there is one."""
        try:
            values = read_file(path)
        except ValueError as error:
            self.problems.append(f"{path}: is not TOML: {error}")
        except OSError as error:
            self.problems.append(f"{path}: cannot be read: {error.strerror}")
        else:
            for name, value in values.items():
                self.take_from_file(path, name, value)

    def take_from_file(self, path: Path, name: str, value: object) -> None:
        """Read one key of a settings file."""
        if name == DATA_DIR:
            self.problems.append(f"{path}: {name} cannot be set here; {PREFIX}DATA_DIR says where this file is")
        else:
            self.take(name, value, f"{path}: {name}")

    def checked(self) -> dict[str, Any]:
        """Return the values, if nothing is wrong with any, nor with all together."""
        if not self.problems:
            self._compare("page_size_default", "page_size_max", 1)
            self._compare("argon2_parallelism", "argon2_memory_kib", 8)
            self._together()
        if self.problems:
            raise SettingsError(self.problems)
        return self.values

    def _together(self) -> None:
        """Allow either a data folder or a cluster: halves of both would share no promise."""
        values = self.defaults | self.values
        served = {name: not str(values[name]).startswith(("sqlite:", "memory:")) for name in PORTS}
        if len(set(served.values())) > 1:
            left = ", ".join(PREFIX + name.upper() for name, is_served in served.items() if not is_served)
            self.problems.append(f"{left}: with a cluster's URL for one part, every part needs one")
        elif not served["log_url"] and values["media_url"] != self.defaults["media_url"]:
            self.problems.append(f"{PREFIX}MEDIA_URL: S3 is for a cluster; a data folder keeps its media in itself")
        elif not served["log_url"] and str(values["trends_url"]).startswith("flink:"):
            self.problems.append(f"{PREFIX}TRENDS_URL: a data folder's trends are counted by its own process")
        elif served["log_url"] and not values["token_key"]:
            self.problems.append(f"{PREFIX}TOKEN_KEY: a cluster's gateways need one secret that all share")
        if not any(served.values()) and not values["search_url"].startswith("sqlite:"):
            self.problems.append(f"{PREFIX}SEARCH_URL: a data folder has its own index, OpenSearch is a cluster's")

    def _compare(self, lesser: str, greater: str, times: int) -> None:
        values = self.defaults | self.values
        if values[lesser] * times > values[greater]:
            sources = {name: self.sources.get(name, PREFIX + name.upper()) for name in (lesser, greater)}
            factor = f"{times} times " if times > 1 else ""
            least = f"allowed is {factor}what {sources[lesser]} is, {values[lesser]}, or more"
            self.problems.append(f"{_said(sources[greater], values[greater])}; {least}")


def unknown(name: str, source: str, kinds: Mapping[str, Kind]) -> str:
    is_variable = source.startswith(PREFIX)
    nearest = difflib.get_close_matches(name.lower(), kinds, n=1)
    advice = f"; did you mean {PREFIX + nearest[0].upper() if is_variable else nearest[0]}?" if nearest else ""
    return f"{source} is no setting{advice}"


def _said(source: str, value: object) -> str:
    text = repr(str(value) if isinstance(value, Path) else value)
    return f"{source} is {text if len(text) <= VALUE_LENGTH_MAX else text[:VALUE_LENGTH_MAX] + '...'}"


def masked(text: str) -> str:
    return re.sub(r"(://[^/?#:@\s]*):[^\s'\",]*@", r"\1:***@", text)
