"""A collector of traces on loopback: it takes OTLP over HTTP as real ones do, and tells what it was sent."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.answers import WAIT_S
from tests.server_process import LOOK_AGAIN_S


@dataclass(frozen=True)
class Seen:
    """A span as it was sent; ids are hex."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    service: str
    is_error: bool
    begin_ns: int
    end_ns: int
    attributes: dict[str, Any]


class Collector:
    """Answers every export, unless it `hangs`; `raw` is all that came, as bytes."""

    def __init__(self) -> None:
        self.spans: list[Seen] = []
        self.raw = b""
        self.released = threading.Event()
        self.released.set()
        self.paths: set[str] = set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                assert self.headers["content-type"] == "application/x-protobuf"
                collector.released.wait(WAIT_S)
                collector.take(self.path, body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """Listen on a free port."""
        collector = cls()
        collector._thread.start()
        try:
            yield collector
        finally:
            collector.released.set()
            collector._server.shutdown()
            collector._thread.join()
            collector._server.server_close()

    def take(self, path: str, body: bytes) -> None:
        """Read one export."""
        self.raw += body
        self.paths.add(path)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = next(
                each.value.string_value for each in resource.resource.attributes if each.key == "service.name"
            )
            for scope in resource.scope_spans:
                self.spans += [_seen(span, service) for span in scope.spans]

    async def trace_with(self, *names: str) -> dict[str, list[Seen]]:
        """Wait for one trace that has spans of all these names; answer its spans by name."""
        async with asyncio.timeout(WAIT_S):
            while True:
                for trace_id in {span.trace_id for span in list(self.spans)}:
                    by_name: dict[str, list[Seen]] = {}
                    for span in list(self.spans):
                        if span.trace_id == trace_id:
                            by_name.setdefault(span.name, []).append(span)
                    if set(names) <= by_name.keys():
                        return by_name
                await asyncio.sleep(LOOK_AGAIN_S)


def _seen(span: Any, service: str) -> Seen:
    values = {each.key: _value(each.value) for each in span.attributes}
    return Seen(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        service,
        span.status.code == 2,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        values,
    )


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return [_value(each) for each in value.array_value.values] if kind == "array_value" else getattr(value, kind)
