"""What the server that the settings name says of itself: what is degraded there, why, and since when."""

import http.client
import json
from collections.abc import Mapping
from typing import Any

from infra.data_folder import running_server
from infra.settings import Settings

ANSWERS_WITHIN_S = 5.0
READY = "/health/ready"
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def readiness(settings: Settings) -> tuple[str, Mapping[str, Mapping[str, Any]] | None]:
    """Ask the server at the settings' address; return where that is, and its parts, None if nobody answers there."""
    host, port = EVERYWHERE.get(settings.host, settings.host), settings.port
    if settings.is_embedded and (info := running_server(settings.data_dir)) is not None:
        host, _, given = info.url.rpartition("://")[2].rpartition(":")
        host, port = host.strip("[]"), int(given)
    connection = http.client.HTTPConnection(host, port, timeout=ANSWERS_WITHIN_S)
    try:
        connection.request("GET", READY)
        parts = json.loads(connection.getresponse().read())["parts"]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return f"{host}:{port}", None
    finally:
        connection.close()
    return f"{host}:{port}", parts if isinstance(parts, dict) else None


def faults(parts: Mapping[str, Mapping[str, Any]]) -> Mapping[str, str]:
    """Return, for each part that is not as it should be, what is the matter, in one line."""
    told = {}
    for name, part in parts.items():
        if not part.get("ready", False):
            told[name] = f"not ready{_since(part)}: {part.get('reason', 'no reason is given')}"
        elif "degraded" in part:
            told[name] = f"away{_since(part)}, so {part['degraded']} ({part.get('because', 'no reason is given')})"
    return told


def _since(part: Mapping[str, Any]) -> str:
    return f" since {part['since']}" if part.get("since") else ""
