"""URLs of media: on this server, on a CDN, and signed as Amazon CloudFront checks them, which OpenSSL checks here."""

import base64
import json
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from infra.media.urls import base_of, url_maker
from infra.settings import Settings
from infra.settings_given import SettingsError

NOW_S = 1_800_000_100.0
DAY_S = 86_400
CDN = "https://cdn.example"


@pytest.mark.parametrize(
    ("changes", "base"),
    [
        ({}, ""),
        ({"port": 8000}, "http://127.0.0.1:8000"),
        ({"port": 8000, "host": "0.0.0.0"}, "http://127.0.0.1:8000"),
        ({"port": 8000, "host": "::1"}, "http://[::1]:8000"),
        ({"port": 8000, "public_url": "https://roost.example/"}, "https://roost.example"),
    ],
)
def test_the_server_knows_its_address_or_answers_relative_urls(
    tmp_path: Path, changes: dict[str, object], base: str
) -> None:
    settings = Settings.for_tests(tmp_path, **changes)

    assert base_of(settings) == base
    assert url_maker(settings, lambda: NOW_S)("media/1/full.jpg") == f"{base}/media/1/full.jpg"


def signing(folder: Path) -> Settings:
    key = rsa.generate_private_key(65_537, 2_048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*form))
    public = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "public.pem").write_bytes(key.public_key().public_bytes(*public))
    given = {"cdn_url": CDN, "cdn_key_id": "K2JCJMDEHXQW5F", "cdn_key_file": str(folder / "key.pem")}
    return Settings.for_tests(folder, **given)


def is_verified(folder: Path, url: str, ends_s: int, signature: str) -> bool:
    """Ask OpenSSL about a policy that is written here anew, as Amazon's guide gives it for canned policies."""
    policy = {"Statement": [{"Resource": url, "Condition": {"DateLessThan": {"AWS:EpochTime": ends_s}}}]}
    plain = signature.replace("-", "+").replace("_", "=").replace("~", "/")
    (folder / "signature").write_bytes(base64.b64decode(plain, validate=True))
    command = ["openssl", "dgst", "-sha1", "-verify", str(folder / "public.pem"), "-signature", "signature"]
    text = json.dumps(policy, separators=(",", ":")).encode()
    return subprocess.run(command, input=text, cwd=folder, capture_output=True, check=False).returncode == 0


def test_a_cdns_url_is_signed_as_cloudfront_checks_it(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to check signatures with")
    url_of = url_maker(signing(tmp_path), lambda: NOW_S)

    parts = urlsplit(url_of("media/17/full.jpg"))
    asked = parse_qs(parts.query, strict_parsing=True)
    ends_s, signature = int(asked["Expires"][0]), asked["Signature"][0]
    plain = f"{CDN}/media/17/full.jpg"

    assert (f"{parts.scheme}://{parts.netloc}{parts.path}", asked["Key-Pair-Id"]) == (plain, ["K2JCJMDEHXQW5F"])
    assert DAY_S <= ends_s - NOW_S <= 2 * DAY_S
    assert is_verified(tmp_path, plain, ends_s, signature)
    assert not is_verified(tmp_path, plain, ends_s + 1, signature)
    assert not is_verified(tmp_path, plain.replace("17", "18"), ends_s, signature)
    assert url_of("media/17/full.jpg") == parts.geturl()


def test_avatars_are_not_signed(tmp_path: Path) -> None:
    assert url_maker(signing(tmp_path), lambda: NOW_S)("media/17/avatar.webp") == f"{CDN}/media/17/avatar.webp"


def test_a_key_that_is_none_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("no key")
    settings = Settings.for_tests(tmp_path, cdn_url=CDN, cdn_key_file=str(tmp_path / "key.pem"))

    with pytest.raises(SettingsError, match="ROOST_CDN_KEY_FILE"):
        url_maker(settings, lambda: NOW_S)
