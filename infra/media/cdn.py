"""Signed URLs of a CDN, as Amazon CloudFront checks them."""

import base64
import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from infra.settings_given import SettingsError

SIGNED_KEPT_MAX = 20_000
_CLOUDFRONT = str.maketrans("+=/", "-_~")


class CdnSigner:
    """Signs URLs by CloudFront's canned policy: RSA with SHA-1, which that scheme asks for.

    A URL holds for one to two lifetimes: within a lifetime it is the same for everybody, and can be cached.
    """

    def __init__(self, key: rsa.RSAPrivateKey, key_id: str, lifetime_s: int, now_s: Callable[[], float]) -> None:
        self._key = key
        self._key_id = key_id
        self._lifetime_s = lifetime_s
        self._now_s = now_s
        self._kept = lru_cache(maxsize=SIGNED_KEPT_MAX)(self._signed)

    def signed(self, url: str) -> str:
        """Return the URL with its end, its signature and the name of its key."""
        return self._kept(url, (math.ceil(self._now_s() / self._lifetime_s) + 1) * self._lifetime_s)

    def _signed(self, url: str, ends_s: int) -> str:
        policy = f'{{"Statement":[{{"Resource":"{url}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{ends_s}}}}}}}]}}'
        signature = self._key.sign(policy.encode(), padding.PKCS1v15(), hashes.SHA1())
        text = base64.b64encode(signature).decode().translate(_CLOUDFRONT)
        return f"{url}?Expires={ends_s}&Signature={text}&Key-Pair-Id={self._key_id}"


def private_key(path: Path) -> rsa.RSAPrivateKey:
    """Return the key that a PEM file holds. Raises `SettingsError` if that is none."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError((f"ROOST_CDN_KEY_FILE: {path} cannot be read as a PEM key: {error}",)) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise SettingsError((f"ROOST_CDN_KEY_FILE: {path} holds no RSA key",))
    return key
