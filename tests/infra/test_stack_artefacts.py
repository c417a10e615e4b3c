"""What the stack downloads and finds: pinned, fetched once, and named plainly where it is missing."""

import hashlib
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from infra.stack.artefacts import ARTEFACTS, Artefact, Tampered, jars, pom_of
from infra.stack.programs import Missing, java, maven, redis

ROOT = Path(__file__).parents[2]
JAR = b"what Maven brings"
PART = "org.example:thing:1.0"
MAVEN = """\
#!/bin/sh
echo fetched >> "$COUNT"
for each in "$@"; do case "$each" in -DoutputDirectory=*) folder="${each#-DoutputDirectory=}";; esac; done
mkdir -p "$folder" && printf '%s' "$JAR" > "$folder/thing-1.0.jar"
"""
ZIP_OF_MAVEN = """\
#!/bin/sh
case "$*" in *":unpack -Dartifact=org.example:thing:1.0"*) ;; *) exit 1;; esac
for each in "$@"; do case "$each" in -DoutputDirectory=*) folder="${each#-DoutputDirectory=}/thing-1.0";; esac; done
mkdir -p "$folder/bin" "$folder/lib" && printf '%s' "$JAR" > "$folder/bin/run"
printf '%s' "$JAR" > "$folder/lib/thing-1.0.jar"
"""


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """A PATH of its own, with a Java and a Maven that only pretend."""
    program(tmp_path / "bin", "java", "#!/bin/sh\necho 'openjdk version \"17.0.1\"' >&2\n")
    program(tmp_path / "bin", "mvn", MAVEN)
    return tmp_path / "bin"


@pytest.fixture
def artefact(tmp_path: Path) -> Artefact:
    """A thing of one jar, pinned."""
    pins = tmp_path / "pins"
    pins.mkdir()
    (pins / "thing.sha256").write_text(f"{hashlib.sha256(JAR).hexdigest()}  thing-1.0.jar\n")
    return Artefact("thing", "1.0", (PART,), pins)


@pytest.fixture
def environ(tmp_path: Path, bin_folder: Path) -> Mapping[str, str]:
    return {
        "PATH": f"{bin_folder}:/usr/bin:/bin",
        "JAVA_HOME": str(bin_folder.parent),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "COUNT": str(tmp_path / "count"),
        "JAR": JAR.decode(),
    }


def fetches(environ: Mapping[str, str]) -> int:
    return len(Path(environ["COUNT"]).read_text().splitlines())


def test_jars_are_fetched_once_and_kept_in_the_cache(artefact: Artefact, environ: Mapping[str, str]) -> None:
    first, second = jars(artefact, environ), jars(artefact, environ)

    assert first == second == Path(environ["XDG_CACHE_HOME"]) / "roost" / "thing-1.0"
    assert (first / "thing-1.0.jar").read_bytes() == JAR
    assert fetches(environ) == 1


def test_a_jar_that_is_not_the_pinned_one_is_refused_and_not_kept(
    artefact: Artefact, environ: Mapping[str, str]
) -> None:
    with pytest.raises(Tampered, match=r"thing-1\.0\.jar is another file"):
        jars(artefact, {**environ, "JAR": "what somebody else brings"})

    assert jars(artefact, environ).is_dir()
    assert fetches(environ) == 2


def test_a_jar_that_changes_in_the_cache_is_noticed(artefact: Artefact, environ: Mapping[str, str]) -> None:
    folder = jars(artefact, environ)
    (folder / "thing-1.0.jar").write_bytes(JAR[::-1])

    with pytest.raises(Tampered, match="is another file"):
        jars(artefact, environ)


def test_a_jar_that_was_not_pinned_is_refused(artefact: Artefact, environ: Mapping[str, str]) -> None:
    folder = jars(artefact, environ)
    (folder / "more.jar").write_bytes(JAR)

    with pytest.raises(Tampered, match=r"more\.jar is not pinned"):
        jars(artefact, environ)


def test_two_processes_that_ask_at_once_fetch_once(artefact: Artefact, environ: Mapping[str, str]) -> None:
    asking = (
        "import os, sys; from pathlib import Path; from infra.stack.artefacts import Artefact, jars\n"
        f"jars(Artefact('thing', '1.0', ({PART!r},), Path(sys.argv[1])), os.environ)"
    )
    command = [sys.executable, "-c", asking, str(artefact.pins_folder)]

    both = [subprocess.Popen(command, cwd=ROOT, env=dict(environ)) for _ in range(2)]

    assert [each.wait() for each in both] == [0, 0]
    assert fetches(environ) == 1


def test_a_download_that_fails_says_what_maven_said(
    artefact: Artefact, environ: Mapping[str, str], bin_folder: Path
) -> None:
    program(bin_folder, "mvn", "#!/bin/sh\necho '[ERROR] Unknown host'\nexit 1\n")

    with pytest.raises(Missing, match=r"(?s)could not fetch org\.example:thing:1\.0.*Unknown host"):
        jars(artefact, environ)


@pytest.mark.parametrize("artefact", ARTEFACTS, ids=lambda each: each.name)
def test_every_jar_of_a_server_is_pinned_and_its_project_names_its_parts(artefact: Artefact) -> None:
    jar = artefact.parts[0].split(":")[1] + f"-{artefact.version}.jar"

    assert (f"lib/{jar}" if artefact.zipped else jar) in artefact.pins
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in artefact.pins.values())
    if not artefact.zipped:
        assert all(f"<artifactId>{part.split(':')[1]}</artifactId>" in pom_of(artefact) for part in artefact.parts)


def test_of_a_whole_distribution_every_file_is_checked(artefact: Artefact, environ: Mapping[str, str]) -> None:
    digest = hashlib.sha256(JAR).hexdigest()
    (artefact.pins_folder / "thing.sha256").write_text(f"{digest}  bin/run\n{digest}  lib/thing-1.0.jar\n")
    whole = replace(artefact, zipped="thing-1.0")
    program(Path(environ["PATH"].split(":")[0]), "mvn", ZIP_OF_MAVEN)

    folder = jars(whole, environ)
    assert (folder / "bin" / "run").read_bytes() == JAR

    (folder / "bin" / "run").write_bytes(b"something else")
    with pytest.raises(Tampered, match="bin/run is another file"):
        jars(whole, environ)


def test_what_is_missing_is_named_with_what_to_install(tmp_path: Path, environ: Mapping[str, str]) -> None:
    nothing = {"PATH": str(tmp_path)}
    with pytest.raises(Missing, match="install maven"):
        maven(nothing)
    with pytest.raises(Missing, match="install redis-server"):
        redis(nothing)

    program(tmp_path / "old", "redis-server", "#!/bin/sh\necho 'Redis server v=6.2.1 sha=0'\n")
    program(tmp_path / "old", "redis-cli", "#!/bin/sh\n")
    with pytest.raises(Missing, match=r"Redis 7 or later.*Found: Redis 6"):
        redis({**environ, "PATH": str(tmp_path / "old")})


def test_a_java_of_another_version_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bin_folder: Path
) -> None:
    monkeypatch.setattr("infra.stack.programs.INSTALLED_JAVAS", ())
    program(tmp_path / "new", "java", "#!/bin/sh\necho 'openjdk version \"25.0.1\" 2026-01-01' >&2\n")
    newer, both = str(tmp_path / "new"), {"PATH": str(tmp_path / "new"), "JAVA_HOME": str(bin_folder.parent)}

    assert java(both, newest=17) == str(bin_folder / "java")
    assert java({"PATH": newer}) == str(tmp_path / "new" / "java")
    with pytest.raises(Missing, match=r"Java 17 is needed.*Found: Java 25"):
        java({"PATH": newer}, newest=17)
    assert java({**both, "JAVA_HOME": str(tmp_path)}, oldest=21) == str(tmp_path / "new" / "java")
    with pytest.raises(Missing, match=r"Java 21 or later is needed: install openjdk-21-jre-headless.*Found: Java 17"):
        java({"PATH": str(bin_folder)}, oldest=21)


def test_fetching_says_what_is_missing_and_fails(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "infra.stack.fetch"]
    environ = {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}

    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "install redis-server" in done.stderr
    assert "install maven" in done.stderr
    assert "install golang-go" in done.stderr
