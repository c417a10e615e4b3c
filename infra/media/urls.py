"""URLs of media: where uploads go, signed by the server; where media are, on this server or on a CDN, signed for it."""

import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path

from infra.settings import Settings
from loaders.media import AVATAR_FILE, Upload, UploadTicket

UPLOADS = "/media/uploads/"
PURPOSE = b"roost media upload v1"


class UploadSigner:
    """Signs uploads and checks them: a signature binds medium, type, exact size and end."""

    def __init__(self, key: bytes, base: str) -> None:
        self._key = hmac.digest(key, PURPOSE, hashlib.sha256)
        self._base = base

    def ticket(self, upload: Upload) -> UploadTicket:
        """Return where the bytes of an upload go."""
        expires_s = upload.expires_at_ms // 1000
        signature = self.signature(str(upload.id), upload.content_type, str(upload.byte_size), str(expires_s))
        url = f"{self._base}{UPLOADS}{upload.id}?expires={expires_s}&signature={signature}"
        return UploadTicket(url, expires_s * 1000)

    def signature(self, media_id: str, content_type: str, byte_size: str, expires_s: str) -> str:
        """Return what must stand in the URL of such an upload."""
        text = "\n".join(("PUT", media_id, content_type, byte_size, expires_s))
        return hmac.digest(self._key, text.encode(), hashlib.sha256).hex()


def base_of(settings: Settings) -> str:
    """Return where clients reach this server, without a slash at the end; nothing where that is not known."""
    if settings.public_url or not settings.port:
        return settings.public_url.rstrip("/")
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host.strip("[]") else f"http://{host}:{settings.port}"


def url_maker(settings: Settings, now_s: Callable[[], float]) -> Callable[[str], str]:
    """Return what makes the URL of a medium's file. Raises `SettingsError` for a key of the CDN that is none."""
    base = settings.cdn_url.rstrip("/") or base_of(settings)
    if not settings.cdn_key_file:
        return lambda name: f"{base}/{name}"
    from infra.media.cdn import CdnSigner, private_key  # noqa: PLC0415 - it brings all of a library of ciphers

    key, lifetime_s = private_key(Path(settings.cdn_key_file)), settings.cdn_url_lifetime_hours * 3600
    signer = CdnSigner(key, settings.cdn_key_id, lifetime_s, now_s)

    def made(name: str) -> str:
        # Avatars stand in every list for long: they are public, and the CDN serves them unsigned.
        url = f"{base}/{name}"
        return url if name.endswith(AVATAR_FILE) else signer.signed(url)

    return made
