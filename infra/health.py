"""Liveness and readiness: what runs, what does not, and why."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from infra.engine import Engine
from loaders.errors import Unavailable
from realtime.worker import FANOUT, STORE

LAG_EVENTS_MAX = 50_000


@dataclass(slots=True)
class Health:
    """What readiness is judged by: the engine, once it is open, and whether the server is going away."""

    engine: Engine | None = None
    is_draining: bool = False

    async def parts(self) -> dict[str, dict[str, Any]]:
        """Return each part and its state."""
        engine = self.engine
        if engine is None or self.is_draining:
            return {"server": {"ready": False, "reason": "shutting down" if self.is_draining else "starting"}}
        parts: dict[str, dict[str, Any]] = {"server": {"ready": True}}
        try:
            _, end = await engine.log.bounds()
            parts["log"] = {"ready": True, "end": end}
            await engine.projection.position()
            parts["stores"] = {"ready": True, "dead_letters": engine.progress.buried()}
        except Unavailable as error:
            parts.setdefault("log", {"ready": False, "reason": str(error)})
            parts.setdefault("stores", {"ready": False, "reason": str(error)})
            end = engine.positions.reached(STORE)
        for worker in engine.workers:
            lag = max(0, end - engine.positions.reached(worker.group))
            parts[worker.group] = _part(worker.fault or engine.faults.get(worker.group), lag_events=lag)
            if lag > LAG_EVENTS_MAX:
                parts[worker.group] |= {"ready": False, "reason": "too far behind the log"}
        parts["hub"] = _part(
            engine.faults.get("hub"), lag_events=max(0, engine.positions.reached(FANOUT) - engine.hub.place()[0])
        )
        parts["upkeep"] = _part(engine.faults.get("upkeep"))
        return parts


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


def _part(fault: str | None, **more: Any) -> dict[str, Any]:
    return {"ready": fault is None, **({"reason": fault} if fault else {}), **more}
