"""Fetches Kafka, Cassandra and Flink by Maven into a cache outside the tree; every jar is pinned by its SHA-256."""

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
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
FETCH_S = 1_800.0
LINES_SHOWN = 15


class Tampered(Unavailable):
    """What was fetched is not what was pinned."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """A server made of jars: what Maven calls its parts (group:name:version), and the folder of pinned checksums."""

    name: str
    version: str
    parts: tuple[str, ...]
    pins_folder: Path = PINS

    @property
    def pins(self) -> Mapping[str, str]:
        """The SHA-256 of every jar, by its name."""
        lines = (self.pins_folder / f"{self.name}.sha256").read_text(encoding="ascii").splitlines()
        return {name: digest for digest, name in (line.split() for line in lines)}


KAFKA = Artefact("kafka", "4.4.0", ("org.apache.kafka:kafka_2.13:4.4.0", "org.slf4j:slf4j-simple:1.7.36"))
CASSANDRA = Artefact("cassandra", "5.0.9", ("org.apache.cassandra:cassandra-all:5.0.9",))
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
ARTEFACTS = (KAFKA, CASSANDRA, FLINK)


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return where downloads are kept: XDG_CACHE_HOME/roost, or ~/.cache/roost."""
    given = environ.get("XDG_CACHE_HOME")
    return (Path(given) if given else Path.home() / ".cache") / "roost"


def jars(artefact: Artefact, environ: Mapping[str, str]) -> Path:
    """Return the folder of an artefact's jars, fetched if they are not there, all of them checked.

    Every jar is hashed when it comes; later its size and the time of its last change must be as they were then, or it
    is hashed again. Several processes may ask at once: one fetches. Raises `Missing` if Maven or Java is missing or the
    download fails, `Tampered` if a jar is not the pinned one.
    """
    cache = cache_folder(environ)
    folder = cache / f"{artefact.name}-{artefact.version}"
    pins = artefact.pins
    if is_verified(folder, pins):
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / f"{artefact.name}.lock"):
        if is_verified(folder, pins):
            return folder
        if folder.exists():
            verify(folder, pins)
            return folder
        with tempfile.TemporaryDirectory(prefix=f"{artefact.name}-", dir=cache) as draft:
            fetched = Path(draft) / "jars"
            _fetch(artefact, Path(draft), fetched, environ)
            verify(fetched, pins)
            fetched.rename(folder)
    return folder


def verify(folder: Path, pins: Mapping[str, str]) -> None:
    """Hash every jar of a folder and mark it as verified. Raises `Tampered` unless they are exactly the pinned ones."""
    found = {path.name: path for path in folder.glob("*.jar")}
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
    """Tell whether these very pins were verified here, and no jar has changed since."""
    try:
        return bool(json.loads((folder / MARKER).read_text(encoding="utf-8")) == _state(folder, pins))
    except (OSError, ValueError):
        return False


def _state(folder: Path, pins: Mapping[str, str]) -> dict[str, list[object]]:
    jars_there = {path.name: path.stat() for path in folder.glob("*.jar")}
    return {name: [pins.get(name), stat.st_size, stat.st_mtime_ns] for name, stat in sorted(jars_there.items())}


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(artefact: Artefact, draft: Path, folder: Path, environ: Mapping[str, str]) -> None:
    program = maven(environ)
    java(environ)
    pom = draft / "pom.xml"
    pom.write_text(pom_of(artefact), encoding="utf-8")
    command = [program, "-B", "-q", "-f", str(pom), PLUGIN, "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    done = _run(command, environ)
    if done is None or done.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        lines = [] if done is None else (done.stdout + done.stderr).splitlines()
        said = "\n".join(lines[-LINES_SHOWN:]) or f"no end after {FETCH_S:g} s"
        raise Missing(f"Maven could not fetch {', '.join(artefact.parts)}:\n{said}")


def _run(command: list[str], environ: Mapping[str, str]) -> "subprocess.CompletedProcess[str] | None":
    try:
        return subprocess.run(
            command, env=dict(environ), capture_output=True, text=True, timeout=FETCH_S, check=False,
            stdin=subprocess.DEVNULL,
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
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_fetched(artefact: Artefact, environ: Mapping[str, str]) -> bool:
    """Tell whether an artefact is there, checked."""
    return is_verified(cache_folder(environ) / f"{artefact.name}-{artefact.version}", artefact.pins)
