"""The server for S3: built once by Go, pinned module by module, and named plainly where it cannot be had."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.stack import built
from infra.stack.built import PINS, VERSION, is_built, versitygw
from infra.stack.programs import Missing, go

GO = """\
#!/bin/sh
[ "$1" = version ] && { echo 'go version go1.26.8 linux/amd64'; exit; }
echo "$GOTOOLCHAIN $*" >> "$COUNT"
while [ "$1" != -o ]; do shift; done
mkdir -p "$(dirname "$2")" && touch "$2"
"""


def go_that(folder: Path, text: str) -> Mapping[str, str]:
    """Return an environment with a Go that only pretends."""
    folder.mkdir()
    (folder / "go").write_text(text)
    (folder / "go").chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin", "XDG_CACHE_HOME": str(folder), "COUNT": str(folder / "count")}


def test_it_is_built_once_from_what_is_pinned(tmp_path: Path) -> None:
    environ = go_that(tmp_path / "bin", GO)
    assert not is_built(environ)

    first, second = versitygw(environ), versitygw(environ)

    assert first == second
    assert is_built(environ)
    (built_by,) = Path(environ["COUNT"]).read_text().splitlines()
    assert built_by.startswith(f"auto -C {PINS} build -mod=readonly")


def test_other_pins_are_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = go_that(tmp_path / "bin", GO)
    versitygw(environ)
    others = tmp_path / "pins"
    others.mkdir()
    for name in ("go.mod", "go.sum"):
        (others / name).write_text((PINS / name).read_text() + "\n")

    monkeypatch.setattr(built, "PINS", others)

    assert not is_built(environ)


def test_a_build_that_fails_says_what_go_said_and_leaves_nothing(tmp_path: Path) -> None:
    fails = "#!/bin/sh\n[ \"$1\" = version ] && { echo go1.26.8; exit; }\necho 'checksum mismatch' >&2\nexit 1\n"
    environ = go_that(tmp_path / "bin", fails)

    with pytest.raises(Missing, match=r"(?s)could not build versitygw.*checksum mismatch"):
        versitygw(environ)

    assert not is_built(environ)


def test_a_go_that_is_missing_or_too_old_is_named_with_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"needed to build the server for S3: install golang-go\.$"):
        go({"PATH": str(tmp_path)})

    with pytest.raises(Missing, match=r"Found: Go 1\.19\."):
        go(go_that(tmp_path / "old", "#!/bin/sh\necho go version go1.19.8 linux/amd64\n"))


def test_every_module_is_pinned_by_its_checksum() -> None:
    module, sums = (PINS / "go.mod").read_text(), (PINS / "go.sum").read_text().splitlines()
    wanted = re.findall(r"^\t?(?:require )?(\S+\.\S+/\S+) (v\S+)", module, re.MULTILINE)

    assert ("github.com/versity/versitygw", f"v{VERSION}") in wanted
    assert all(re.fullmatch(r"\S+ v\S+ h1:[0-9A-Za-z+/]{43}=", line) for line in sums)
    assert {f"{name} {version}" for name, version in wanted} <= {line.rpartition(" ")[0] for line in sums}
