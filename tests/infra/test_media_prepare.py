"""What becomes of uploaded content: its type is told by its bytes, metadata go, and what is hostile is refused."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from infra.media.ends import Cut, end_of
from infra.media.prepare import Flaw, prepare
from tests.media_files import PLACE, SCRIPT, bomb, box, film, moving, photo_with_a_place, picture

PIXELS_MAX = 40_000_000
JPEG, PNG, WEBP, GIF, MP4 = "image/jpeg", "image/png", "image/webp", "image/gif", "video/mp4"
SAMPLES = {JPEG: picture(), PNG: picture("PNG"), WEBP: picture("WEBP"), GIF: moving(), MP4: film()}


def prepared(folder: Path, content_type: str, content: bytes) -> tuple[int, int]:
    (folder / "arrived").write_bytes(content)
    return prepare(content_type, folder, PIXELS_MAX)


def flaw(folder: Path, content_type: str, content: bytes) -> str:
    with pytest.raises(Flaw) as raised:
        prepared(folder, content_type, content)
    return str(raised.value.args[0])


def test_a_photo_is_turned_as_it_was_taken_and_says_no_longer_where(tmp_path: Path) -> None:
    content = photo_with_a_place()
    assert content.count(PLACE) == 2

    assert prepared(tmp_path, JPEG, content) == (600, 900)

    files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != "arrived"}
    assert files.keys() == {"full.jpg", "320.webp", "avatar.webp"}
    assert not any(PLACE in each or b"Exif" in each for each in files.values())
    sizes = {name: Image.open(io.BytesIO(each)).size for name, each in files.items()}
    assert sizes == {"full.jpg": (600, 900), "320.webp": (320, 480), "avatar.webp": (400, 400)}
    # Dark was on top, and is at the right now.
    turned = Image.open(io.BytesIO(files["full.jpg"])).convert("L")
    assert [turned.getpixel((x, 450)) for x in (595, 5)] == [pytest.approx(0, abs=6), pytest.approx(254, abs=6)]


@pytest.mark.parametrize("content_type", [PNG, WEBP])
def test_texts_within_a_picture_go_and_what_is_transparent_stays(tmp_path: Path, content_type: str) -> None:
    image, file = Image.new("RGBA", (50, 50), (0, 128, 0, 0)), io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = PLACE.decode()
    image.save(file, content_type.partition("/")[2].upper(), exif=exif)
    assert PLACE in file.getvalue()

    assert prepared(tmp_path, content_type, file.getvalue()) == (50, 50)

    full = next(tmp_path.glob("full.*"))
    assert PLACE not in full.read_bytes()
    pixel = Image.open(full).getpixel((1, 1))
    assert isinstance(pixel, tuple) and pixel[3] == 0


def test_a_gif_keeps_moving_and_loses_its_comment(tmp_path: Path) -> None:
    assert PLACE in moving()

    assert prepared(tmp_path, GIF, moving()) == (40, 30)

    with Image.open(tmp_path / "full.gif") as kept:
        assert (getattr(kept, "n_frames", 1), kept.info["duration"], kept.info["loop"]) == (3, 120, 0)
    assert PLACE not in (tmp_path / "full.gif").read_bytes()


def test_a_film_tells_its_size_and_not_where_it_was_made(tmp_path: Path) -> None:
    assert film().count(PLACE) == 2

    assert prepared(tmp_path, MP4, film()) == (640, 360)

    kept = (tmp_path / "full.mp4").read_bytes()
    assert PLACE not in kept and len(kept) == len(film())


@pytest.mark.parametrize("content_type", SAMPLES)
def test_a_truncated_file_is_refused(tmp_path: Path, content_type: str) -> None:
    content = SAMPLES[content_type]

    for kept in (len(content) - 1, len(content) * 2 // 3, 40):
        assert flaw(tmp_path, content_type, content[:kept]) == "MEDIUM_TRUNCATED"


@pytest.mark.parametrize("content_type", SAMPLES)
def test_a_file_of_another_type_is_refused(tmp_path: Path, content_type: str) -> None:
    others = [each for name, each in SAMPLES.items() if name != content_type]

    for content in (*others, b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", SCRIPT, b""):
        assert flaw(tmp_path, content_type, content) == "MEDIUM_MISTYPED"


@pytest.mark.parametrize("content_type", [JPEG, PNG, WEBP, GIF])
@pytest.mark.parametrize("more", [SCRIPT, b"PK\x03\x04" + bytes(30)], ids=["page", "archive"])
def test_a_picture_that_is_something_else_as_well_is_refused(tmp_path: Path, content_type: str, more: bytes) -> None:
    assert flaw(tmp_path, content_type, SAMPLES[content_type] + more) == "MEDIUM_POLYGLOT"


def test_a_film_that_is_something_else_as_well_is_refused(tmp_path: Path) -> None:
    for more in (SCRIPT, box(b"html", SCRIPT)):
        assert flaw(tmp_path, MP4, film() + more) == "MEDIUM_TRUNCATED"


def test_what_hides_within_a_picture_is_gone(tmp_path: Path) -> None:
    prepared(tmp_path, JPEG, picture(comment=SCRIPT))

    assert SCRIPT in (tmp_path / "arrived").read_bytes()
    assert SCRIPT not in (tmp_path / "full.jpg").read_bytes()


def test_a_phones_second_picture_and_padding_are_dropped(tmp_path: Path) -> None:
    assert prepared(tmp_path, JPEG, picture() + picture(size=(90, 60))) == (900, 600)
    assert prepared(tmp_path, PNG, picture("PNG") + bytes(64)) == (900, 600)


def test_a_picture_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    assert len(bomb()) < 20_000

    assert flaw(tmp_path, PNG, bomb()) == "MEDIUM_TOO_LARGE"
    (tmp_path / "arrived").write_bytes(moving(30))
    with pytest.raises(Flaw, match="MEDIUM_TOO_LARGE"):
        prepare(GIF, tmp_path, 40 * 30 * 30 // 5)


def test_the_process_is_bounded_by_the_system(tmp_path: Path) -> None:
    (tmp_path / "arrived").write_bytes(picture("WEBP", (3_000, 3_000)))
    program = [sys.executable, "-m", "infra.media.prepare", WEBP, str(tmp_path), str(PIXELS_MAX)]

    def run(memory: int, seconds: int) -> tuple[bool, bytes]:
        bounds = (str(memory), str(seconds))
        done = subprocess.run([*program, *bounds], capture_output=True, check=False, cwd=tmp_path)
        return done.returncode == 0, done.stdout

    assert b"width" not in run(100 << 20, 30)[1]
    assert run(1 << 30, 0) == (False, b"")
    assert run(1 << 30, 30) == (True, b'{"width": 3000, "height": 3000}')


def test_the_end_of_no_picture_is_found_in_noise() -> None:
    for content_type in (JPEG, PNG, WEBP, GIF):
        for start in (b"", SAMPLES[content_type][:20]):
            with pytest.raises(Cut):
                end_of(content_type, start + b"\xff\xd8\xff" * 3)
