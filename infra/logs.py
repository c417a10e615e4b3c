"""Log lines: JSON, one object a line, or text on a terminal; Roost's and its libraries' alike, and without secrets."""

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from functools import partial
from pathlib import PurePath
from traceback import walk_tb
from typing import Any, TextIO

import orjson
import structlog
from structlog.stdlib import ProcessorFormatter

from infra.asked import Asked
from infra.log_queue import QueuedHandler
from infra.settings import Settings
from loaders.errors import RoostError

SECRET = "***"
SECRET_FIELDS = frozenset(
    ("authorization", "token", "password", "text", "query", "variables", "passwordhash", "cookie", "setcookie")
)
# These write whole frames, and with them tokens and tweets, at the level debug.
NEVER_BELOW_INFO = ("uvicorn.error", "websockets")
# What this driver reports with frames are servers that do not answer: the frames are its own, and the same always.
WITHOUT_FRAMES = ("cassandra",)
FIELD_LENGTH_MAX = 2_000
ITEMS_MAX = 50
DEPTH_MAX = 5
FRAMES_MAX = 20
CAUSES_MAX = 5

_SECRET_NAMES = "authorization|token|password|text|query|variables|cookie"
_SECRETS = (
    (re.compile(r"\b(bearer)\s+\S+", re.IGNORECASE), rf"\1 {SECRET}"),
    (re.compile(r"\beyJ[\w-]+\.[\w.-]+"), SECRET),
    (re.compile(rf"(^|[?&;\s])({_SECRET_NAMES})=[^&\s\"']*", re.IGNORECASE), rf"\1\2={SECRET}"),
    # Where such a value ends inside a printed structure cannot be known, so that the rest of the line goes with it.
    (re.compile(rf"([\"'])({_SECRET_NAMES})\1\s*:.*", re.IGNORECASE | re.DOTALL), rf"\1\2\1: {SECRET}"),
)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

Event = dict[str, Any]


def configure(settings: Settings, stream: TextIO | None = None) -> QueuedHandler:
    """Send the lines of structlog, of stdlib logging and of warnings to `stream`, standard error by default.

    A line has `time` (UTC, in ms), `level`, `logger`, `event`, `tenantId`, its fields, and where it belongs to an
    operation `correlationId`, `operation`, `viewerId` and `traceId` as far as they are known. A coded error shows as
    one line, any other with its frames but no source lines. What is named or looks like a secret is blotted out.
    The lines are written by a thread, which is returned: it may be flushed, and tells how many lines it had to drop.
    Start uvicorn with `log_config=None`, so that it leaves its loggers as they are here.
    """
    target = sys.stderr if stream is None else stream
    level = getattr(logging, settings.log_level.upper())
    is_text = settings.log_format == "text" or (settings.log_format == "auto" and target.isatty())
    shaped = partial(_shaped, settings.tenant)
    handler = QueuedHandler(target, settings.log_queue_max)
    handler.setFormatter(
        ProcessorFormatter(
            processors=[shaped, *_text(target)] if is_text else [shaped, _as_json], pass_foreign_args=True
        )
    )
    root = logging.getLogger()
    for before in root.handlers:
        if isinstance(before, QueuedHandler):
            before.close()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in [name for name in root.manager.loggerDict if name.partition(".")[0] == "uvicorn"]:
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in NEVER_BELOW_INFO:
        logging.getLogger(name).setLevel(max(level, logging.INFO))
    logging.captureWarnings(True)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    return handler


def without_secrets(value: object, depth: int = 0) -> object:
    """Return a value as a log may show it: plain JSON data, bounded, secrets blotted out.

    Of bytes only the number is shown, and of objects that are no data only the type, since either may hold anything.
    """
    shown: object
    match value:
        case None | bool() | int() | float():
            shown = value
        case str():
            shown = _scrubbed(value)
        case Enum():
            shown = without_secrets(value.value, depth)
        case bytes() | bytearray() | memoryview():
            shown = f"<{len(value)} bytes>"
        case BaseException():
            shown = _headline(value)
        case PurePath() | datetime():
            shown = _scrubbed(str(value))
        case Mapping() | Sequence() | set() | frozenset() if depth >= DEPTH_MAX:
            shown = "..."
        case Mapping():
            shown = {
                _scrubbed(str(name)): SECRET if _is_secret(name) else without_secrets(item, depth + 1)
                for name, item in list(value.items())[:ITEMS_MAX]
            }
        case Sequence() | set() | frozenset():
            shown = [without_secrets(item, depth + 1) for item in list(value)[:ITEMS_MAX]]
        case _:
            shown = f"<{type(value).__name__}>"
    return shown


def _shaped(tenant: str, _logger: object, _method: str, event: MutableMapping[str, Any]) -> Event:
    record: logging.LogRecord = event.pop("_record")
    is_own = event.pop("_from_structlog")
    arguments = event.pop("positional_args", None)
    error = _raised(event.pop("exc_info", None))
    event.pop("stack_info", None)
    if not is_own:
        event.update(_foreign(record, arguments))
    shaped: Event = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": _scrubbed(str(event.pop("event", "")).strip()),
        **_about(getattr(record, "asked", None)),
        "tenantId": tenant,
    }
    # What a line says itself of its correlation is meant so.
    shaped.update({name: _scrubbed(str(event.pop(name))) for name in ("correlationId",) if name in event})
    for name, value in event.items():
        shaped.setdefault(name, SECRET if _is_secret(name) else without_secrets(value))
    if error is not None:
        is_expected = record.name.partition(".")[0] in WITHOUT_FRAMES
        shaped.update({"error": _headline(error)} if is_expected else _told(error))
    return shaped


def _about(asked: Asked | None) -> Event:
    if asked is None:
        return {}
    about: Event = {"correlationId": _scrubbed(asked.correlation_id)}
    if asked.viewer_id is not None:
        about["viewerId"] = str(asked.viewer_id)  # JavaScript's numbers end below such ids
    if asked.query:
        about["operation"] = asked.operation
    if asked.trace_id:
        about["traceId"] = asked.trace_id
    return about


def _foreign(record: logging.LogRecord, arguments: object) -> Event:
    if record.name == "uvicorn.access" and isinstance(arguments, tuple) and len(arguments) == 5:
        client, method, path, _version, status = arguments
        return {
            "event": "request",
            "client": client,
            "method": method,
            "path": str(path).partition("?")[0],
            "status": status,
        }
    # The text of a GraphQL error quotes the document around it; its message does not.
    return {"event": _headline(record.msg)} if isinstance(record.msg, BaseException) else {}


def _raised(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    found = exc_info if isinstance(exc_info, tuple) else sys.exc_info() if exc_info else ()
    return found[1] if len(found) == 3 and isinstance(found[1], BaseException) else None


def _told(error: BaseException) -> Event:
    if isinstance(error, RoostError):
        told: Event = {"error": _headline(error), "code": error.code}
        return told if error.__cause__ is None else told | {"cause": _headline(error.__cause__)}
    return {"error": _headline(error), "exception": "\n".join(_frames(error, CAUSES_MAX))}


def _headline(error: BaseException) -> str:
    message = getattr(error, "message", None)
    text = _scrubbed(" ".join((message if isinstance(message, str) else str(error)).split()))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _frames(error: BaseException, causes_left: int) -> Iterator[str]:
    yield _headline(error)
    frames = [
        f"  {frame.f_code.co_filename}:{line} {frame.f_code.co_qualname}"
        for frame, line in walk_tb(error.__traceback__)
    ]
    yield from frames[-FRAMES_MAX:]
    if causes_left == 0:
        return
    behind = error.__cause__ if error.__cause__ or error.__suppress_context__ else error.__context__
    inner = error.exceptions[:CAUSES_MAX] if isinstance(error, BaseExceptionGroup) else ()
    for each in (*inner, *([behind] if behind else ())):
        yield from _frames(each, causes_left - 1)


def _scrubbed(text: str) -> str:
    # Cut first: what patterns cost is bounded by this length. A secret cut short is still recognised by its beginning.
    shown = text[:FIELD_LENGTH_MAX]
    for pattern, instead in _SECRETS:
        shown = pattern.sub(instead, shown)
    return shown if len(text) <= FIELD_LENGTH_MAX else shown + "..."


def _is_secret(name: object) -> bool:
    return str(name).lower().replace("_", "").replace("-", "") in SECRET_FIELDS


def _as_json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    try:
        return orjson.dumps(event).decode()
    except TypeError:
        # Lone surrogates, and integers over 64 bits, are beyond orjson.
        return json.dumps(event)


def _text(target: TextIO) -> list[structlog.typing.Processor]:
    renderer = structlog.dev.ConsoleRenderer(colors=target.isatty(), timestamp_key="time", sort_keys=False)
    return [_printable, renderer]


def _printable(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Event:
    # What a client sent moves no cursor on a terminal and feigns no line; only the frames of an error break lines.
    shown = {name: _line(value) if isinstance(value, str) else value for name, value in event.items()}
    if "exception" in event:
        shown["exception"] = "\n".join(_line(line) for line in str(event["exception"]).split("\n"))
    return shown


def _line(text: str) -> str:
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
