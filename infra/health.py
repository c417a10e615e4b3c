"""Liveness and readiness: what runs, what does not, and why."""

from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route


class Stating(Protocol):
    """What says of its parts how they are: an engine, a gateway, a worker."""

    async def states(self) -> dict[str, dict[str, object]]:
        """Return each part, whether it is ready, and if not, why."""


@dataclass(slots=True)
class Health:
    """What readiness is judged by: the engine, once it is open, and whether the server is going away."""

    engine: Stating | None = None
    is_draining: bool = False

    async def parts(self) -> dict[str, dict[str, Any]]:
        """Return each part and its state."""
        engine = self.engine
        if engine is None or self.is_draining:
            return {"server": {"ready": False, "reason": "shutting down" if self.is_draining else "starting"}}
        return {"server": {"ready": True}, **await engine.states()}


def health_routes(health: Health) -> list[BaseRoute]:
    """Return the routes /health/live and /health/ready."""

    async def live(_: Request) -> JSONResponse:
        return JSONResponse({"status": "alive"})

    async def ready(_: Request) -> JSONResponse:
        parts = await health.parts()
        is_ready = all(part["ready"] for part in parts.values())
        body = {"status": "ready" if is_ready else "not ready", "parts": parts}
        return JSONResponse(body, 200 if is_ready else 503)

    return [Route("/health/live", live), Route("/health/ready", ready)]
