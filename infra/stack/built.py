"""Builds the server for S3 by Go into a cache outside the tree; every module is pinned by its checksum in go.sum."""

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

from infra.stack.artefacts import FETCH_S, LINES_SHOWN, cache_folder, locked, run
from infra.stack.programs import Missing, go

VERSION = "1.8.0"
PACKAGE = "github.com/versity/versitygw/cmd/versitygw"
PINS = Path(__file__).parent / "go"
PROGRAM = "versitygw"


def versitygw(environ: Mapping[str, str]) -> Path:
    """Return the path of versitygw, built if it is not there; several processes may ask at once, and one builds.

    Go checks each module against the pinned checksums. Raises `Missing` if there is no Go, or the build fails.
    """
    cache = cache_folder(environ)
    folder = cache / f"{PROGRAM}-{VERSION}-{_pins_name()}"
    if (folder / PROGRAM).exists():
        return folder / PROGRAM
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / f"{PROGRAM}.lock"):
        if not (folder / PROGRAM).exists():
            with tempfile.TemporaryDirectory(prefix=f"{PROGRAM}-", dir=cache) as draft:
                _build(Path(draft) / "built" / PROGRAM, environ)
                (Path(draft) / "built").rename(folder)
    return folder / PROGRAM


def is_built(environ: Mapping[str, str]) -> bool:
    """Tell whether it is there, as it is pinned now."""
    return (cache_folder(environ) / f"{PROGRAM}-{VERSION}-{_pins_name()}" / PROGRAM).exists()


def _pins_name() -> str:
    texts = [(PINS / name).read_bytes() for name in ("go.mod", "go.sum")]
    return hashlib.sha256(b"".join(texts)).hexdigest()[:12]


def _build(program: Path, environ: Mapping[str, str]) -> None:
    # An older Go fetches the one that the modules ask for, and checks it like any module.
    settings = {"GOTOOLCHAIN": "auto", "GOWORK": "off"}
    flags = ("-mod=readonly", "-buildvcs=false", "-ldflags=-s -w")
    command = [go(environ), "-C", str(PINS), "build", *flags, "-o", str(program), PACKAGE]
    done = run(command, {**environ, **settings})
    if done is None or done.returncode != 0:
        lines = [] if done is None else (done.stdout + done.stderr).splitlines()
        said = "\n".join(lines[-LINES_SHOWN:]) or f"no end after {FETCH_S:g} s"
        raise Missing(f"Go could not build {PROGRAM} {VERSION}, the server for S3:\n{said}")
