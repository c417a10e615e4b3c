"""Fetches servers through Maven into a cache outside the tree; every file of them is pinned by its SHA-256."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.stack.programs import Missing, java, maven
from loaders.errors import Unavailable

PINS = Path(__file__).parent / "jars"
MARKER = "verified.json"
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
FETCH_S = 1_800.0
LINES_SHOWN = 15


class Tampered(Unavailable):
    """What was fetched is not what was pinned."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """A server: what Maven calls its parts (group:name:version), and the folder of pinned checksums.

    It comes as these parts' jars and those that they need; or, if `zipped`, as the archive of that name within which
    the one part (group:name:version:zip) has a whole distribution.
    """

    name: str
    version: str
    parts: tuple[str, ...]
    pins_folder: Path = PINS
    zipped: str | None = None

    @property
    def pins(self) -> Mapping[str, str]:
        """The SHA-256 of every file, by its path."""
        lines = (self.pins_folder / f"{self.name}.sha256").read_text(encoding="ascii").splitlines()
        return {name: digest for digest, name in (line.split() for line in lines)}


KAFKA = Artefact("kafka", "4.4.0", ("org.apache.kafka:kafka_2.13:4.4.0", "org.slf4j:slf4j-simple:1.7.36"))
CASSANDRA = Artefact("cassandra", "5.0.9", ("org.apache.cassandra:cassandra-all:5.0.9",))
OPENSEARCH = Artefact(
    "opensearch",
    "3.6.0",
    ("org.opensearch.distribution.integ-test-zip:opensearch:3.6.0:zip",),
    zipped="opensearch-3.6.0",
)
FLINK = Artefact(
    "flink",
    "2.3.0",
    (
        "org.apache.flink:flink-clients:2.3.0",
        "org.apache.flink:flink-table-api-java-bridge:2.3.0",
        "org.apache.flink:flink-table-planner-loader:2.3.0",
        "org.apache.flink:flink-table-runtime:2.3.0",
        "org.apache.flink:flink-json:2.3.0",
        "org.apache.flink:flink-connector-base:2.3.0",
        "org.apache.flink:flink-sql-connector-kafka:5.0.0-2.2",
        "org.apache.flink:flink-sql-gateway:2.3.0",
        "org.apache.flink:flink-sql-client:2.3.0",
        # No Python runs there, but the client looks for a class of it when it reads its options.
        "org.apache.flink:flink-python:2.3.0",
        "org.slf4j:slf4j-simple:1.7.36",
    ),
)
ARTEFACTS = (KAFKA, CASSANDRA, OPENSEARCH, FLINK)


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return where downloads are kept: XDG_CACHE_HOME/roost, or ~/.cache/roost."""
    given = environ.get("XDG_CACHE_HOME")
    return (Path(given) if given else Path.home() / ".cache") / "roost"


def jars(artefact: Artefact, environ: Mapping[str, str]) -> Path:
    """Return the folder of an artefact's files, fetched if they are not there, all of them checked.

    Every file is hashed when it comes; later its size and the time of its last change must be as they were then, or it
    is hashed again. Several processes may ask at once: one fetches. Raises `Missing` if Maven or Java is missing or the
    download fails, `Tampered` if a file is not the pinned one.
    """
    cache = cache_folder(environ)
    folder = cache / f"{artefact.name}-{artefact.version}"
    pins = artefact.pins
    if is_verified(folder, pins):
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / f"{artefact.name}.lock"):
        if is_verified(folder, pins):
            return folder
        if folder.exists():
            verify(folder, pins)
            return folder
        with tempfile.TemporaryDirectory(prefix=f"{artefact.name}-", dir=cache) as draft:
            fetched = Path(draft) / "jars"
            _fetch(artefact, Path(draft), fetched, environ)
            fetched = fetched / (artefact.zipped or "")
            verify(fetched, pins)
            fetched.rename(folder)
    return folder


def verify(folder: Path, pins: Mapping[str, str]) -> None:
    """Hash every file of a folder and mark it as verified. Raises `Tampered` unless they are just the pinned ones."""
    found = _files(folder)
    wrong = [f"{name} is missing" for name in sorted(pins.keys() - found.keys())]
    wrong += [f"{name} is not pinned" for name in sorted(found.keys() - pins.keys())]
    wrong += [
        f"{name} is another file" for name in sorted(pins.keys() & found.keys()) if _hash(found[name]) != pins[name]
    ]
    if wrong:
        raise Tampered(f"{folder} is not what was pinned: {'; '.join(wrong)}. Delete the folder to fetch it again.")
    draft = folder / f"{MARKER}.draft"
    draft.write_text(json.dumps(_state(folder, pins)), encoding="utf-8")
    draft.replace(folder / MARKER)


def is_verified(folder: Path, pins: Mapping[str, str]) -> bool:
    """Tell whether these very pins were verified here, and no file has changed since."""
    try:
        return bool(json.loads((folder / MARKER).read_text(encoding="utf-8")) == _state(folder, pins))
    except (OSError, ValueError):
        return False


def _state(folder: Path, pins: Mapping[str, str]) -> dict[str, list[object]]:
    there = {name: path.stat() for name, path in _files(folder).items()}
    return {name: [pins.get(name), stat.st_size, stat.st_mtime_ns] for name, stat in sorted(there.items())}


def _files(folder: Path) -> dict[str, Path]:
    return {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(MARKER)
    }


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(artefact: Artefact, draft: Path, folder: Path, environ: Mapping[str, str]) -> None:
    program = maven(environ)
    java(environ)
    command = [program, "-B", "-q", f"-DoutputDirectory={folder}"]
    if artefact.zipped:
        command += [f"{PLUGIN}:unpack", f"-Dartifact={artefact.parts[0]}"]
    else:
        pom = draft / "pom.xml"
        pom.write_text(pom_of(artefact), encoding="utf-8")
        command += ["-f", str(pom), f"{PLUGIN}:copy-dependencies", "-DincludeScope=runtime"]
    # Without a project Maven leaves marks of what it unpacked wherever it is run.
    done = run(command, environ, draft)
    if done is None or done.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        lines = [] if done is None else (done.stdout + done.stderr).splitlines()
        said = "\n".join(lines[-LINES_SHOWN:]) or f"no end after {FETCH_S:g} s"
        raise Missing(f"Maven could not fetch {', '.join(artefact.parts)}:\n{said}")


def run(
    command: list[str], environ: Mapping[str, str], folder: Path | None = None
) -> "subprocess.CompletedProcess[str] | None":
    """Run a command that fetches or builds, in a folder; None if it has not ended after `FETCH_S` seconds."""
    try:
        return subprocess.run(
            command, env=dict(environ), capture_output=True, text=True, timeout=FETCH_S, check=False,
            stdin=subprocess.DEVNULL, cwd=folder,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None


def pom_of(artefact: Artefact) -> str:
    """Return a Maven project that depends on an artefact's parts and on nothing else."""
    parts = [part.split(":") for part in artefact.parts]
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
        for group, name, version in parts
    )
    return (
        "<project><modelVersion>4.0.0</modelVersion><groupId>roost</groupId>"
        f"<artifactId>{artefact.name}</artifactId><version>{artefact.version}</version>"
        f"<dependencies>{dependencies}</dependencies></project>\n"
    )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait until no other process holds this file, and hold it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_fetched(artefact: Artefact, environ: Mapping[str, str]) -> bool:
    """Tell whether an artefact is there, checked."""
    return is_verified(cache_folder(environ) / f"{artefact.name}-{artefact.version}", artefact.pins)
