"""Log lines are one object each, the same for all libraries, and hold no secret."""

import logging
import re
import warnings
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog
from graphql import GraphQLError, parse

from infra.log_queue import QueuedHandler
from infra.logs import configure, without_secrets
from infra.settings import Settings
from loaders.errors import Unavailable
from loaders.records import Delivery, UserId
from resolvers.ports import Token
from tests.infra.log_lines import Lines, Terminal

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
SECRET_NAMES = "authorization token password text query variables Set-Cookie password_hash"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    names = ("", "uvicorn", "uvicorn.error", "uvicorn.access", "websockets")
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger, list(logger.handlers), logger.level, logger.propagate) for logger in loggers]
    with warnings.catch_warnings():
        yield
        logging.captureWarnings(False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    for logger, handlers, level, propagate in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate


@pytest.fixture
def configured(tmp_path: Path) -> Iterator[Callable[..., Lines]]:
    handlers: list[QueuedHandler] = []

    def configured(stream: Any = None, **changes: object) -> Lines:
        target = stream or StringIO()
        handlers.append(configure(Settings.for_tests(tmp_path, **changes), target))
        return Lines(target, handlers[-1])

    yield configured
    for handler in handlers:
        handler.close()


@pytest.fixture
def lines(configured: Callable[..., Lines]) -> Lines:
    return configured()


log = structlog.get_logger("roost")


def test_a_line_is_one_object_with_time_level_event_and_fields(lines: Lines) -> None:
    log.info("tweet stored", author="adä\n", lag_ms=3)

    line = lines.one()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line.pop("tenantId") == "default"
    assert line == {"level": "info", "logger": "roost", "event": "tweet stored", "author": "adä\n", "lag_ms": 3}


def test_fields_bound_to_the_request_show_on_each_of_its_lines(lines: Lines) -> None:
    structlog.contextvars.bind_contextvars(request_id="r1")

    log.info("one")
    log.warning("two")

    assert [(line["event"], line["request_id"]) for line in lines.all()] == [("one", "r1"), ("two", "r1")]


def test_lines_of_libraries_look_the_same(lines: Lines) -> None:
    logging.getLogger("some.library").warning("%d of %s", 3, "four")
    warnings.simplefilter("always")
    warnings.warn("old ways", stacklevel=1)

    library, warning = lines.all()
    assert (library["logger"], library["level"], library["event"]) == ("some.library", "warning", "3 of four")
    assert (warning["logger"], warning["level"]) == ("py.warnings", "warning")
    assert "UserWarning: old ways" in warning["event"]


def test_uvicorns_own_handlers_give_way(configured: Callable[..., Lines]) -> None:
    own = StringIO()
    logging.getLogger("uvicorn").addHandler(logging.StreamHandler(own))
    logging.getLogger("uvicorn").propagate = False

    lines = configured()
    logging.getLogger("uvicorn.error").info("Started")

    assert lines.one()["event"] == "Started"
    assert own.getvalue() == ""


def test_a_request_is_logged_without_its_query(lines: Lines) -> None:
    logging.getLogger("uvicorn.access").info(
        '%s - "%s %s HTTP/%s" %d', "192.0.2.1:5", "GET", "/graphql?query={me{id}}", "1.1", 200
    )

    line = lines.one()
    assert (line["event"], line["method"], line["path"], line["status"]) == ("request", "GET", "/graphql", 200)


def test_configuring_again_doubles_nothing(configured: Callable[..., Lines]) -> None:
    first, second = configured(), configured()

    log.info("once")

    assert first.all() == []
    assert second.one()["event"] == "once"


@pytest.mark.parametrize(("level", "seen"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_what_is_below_the_level_is_left_out(configured: Callable[..., Lines], level: str, seen: int) -> None:
    lines = configured(log_level=level)

    for logger in (log, logging.getLogger("some.library")):
        for method in ("debug", "info", "warning", "error"):
            getattr(logger, method)("said")

    assert len(lines.all()) == 2 * seen


def test_frames_of_sockets_are_not_logged_even_at_debug(configured: Callable[..., Lines]) -> None:
    lines = configured(log_level="debug")

    logging.getLogger("uvicorn.error").debug("< TEXT '{...}'")
    logging.getLogger("websockets.server").debug("< TEXT '{...}'")

    assert lines.all() == []


def test_a_coded_error_is_one_line_without_frames(lines: Lines) -> None:
    try:
        raise Unavailable("The store is away", retry_after_s=1.0) from OSError("disk\nfull")
    except Unavailable:
        log.exception("posting failed")

    line = lines.one()
    assert (line["code"], line["error"]) == ("UNAVAILABLE", "Unavailable: The store is away")
    assert line["cause"] == "OSError: disk full"
    assert "exception" not in line


@pytest.mark.parametrize("logger", [log, logging.getLogger("some.library")])
def test_any_other_error_shows_its_frames_and_causes_on_the_same_line(lines: Lines, logger: Any) -> None:
    def fails() -> None:
        raise ExceptionGroup("two", [KeyError("a"), ValueError("b")]) from OSError("disk full")

    try:
        fails()
    except ExceptionGroup as error:
        logger.error("broke", exc_info=error)

    line = lines.one()
    assert line["error"].startswith("ExceptionGroup: two")
    assert ".<locals>.fails" in line["exception"]
    assert all(told in line["exception"] for told in ("KeyError: 'a'", "ValueError: b", "OSError: disk full"))
    assert "raise ExceptionGroup" not in line["exception"]


def test_an_error_that_causes_itself_ends(lines: Lines) -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first

    log.error("broke", exc_info=first)

    assert lines.one()["exception"].count("first") == 3


def test_a_graphql_error_is_logged_without_the_document_around_it(lines: Lines) -> None:
    node = parse('mutation { logIn(password: "hunter2") { token } }').definitions[0]
    error = GraphQLError("No such field", node)
    assert "hunter2" in str(error)

    logging.getLogger("strawberry.execution").error(error, exc_info=error)

    line = lines.one()
    assert line["event"] == "GraphQLError: No such field"
    assert "hunter2" not in str(line)


@pytest.mark.parametrize("name", SECRET_NAMES.split())
def test_a_field_named_like_a_secret_is_blotted_out_at_any_depth(lines: Lines, name: str) -> None:
    log.info("x", **{name: "hunter2"}, payload={"inner": [{name.upper(): {"deep": "hunter2"}}]})

    line = lines.one()
    assert line[name] == "***"
    assert line["payload"] == {"inner": [{name.upper(): "***"}]}


@pytest.mark.parametrize(
    "said",
    [
        f"Authorization was Bearer {JWT}",
        f"read {JWT} twice",
        "GET /graphql?query=hunter2%20x&variables=hunter2",
        'frame {"id": "1", "payload": {"query": "{ hunter2 }", "variables": {"a": "hunter2"}}}',
        "{'text': 'hunter2 \\' hunter2'}",
    ],
)
def test_a_string_that_looks_like_a_secret_is_blotted_out(lines: Lines, said: str) -> None:
    log.info(said, field=said)
    logging.getLogger("some.library").info("%s", said)
    log.error("x", exc_info=ValueError(said))

    text = lines.raw()
    assert "***" in text
    assert "hunter2" not in text
    assert JWT.split(".")[1] not in text


def test_what_has_nothing_secret_in_it_stays_as_it_is() -> None:
    said = "The query text of a token has 3 variables; see https://a.example/?page=2"

    assert without_secrets({"said": said, "token_count": 3}) == {"said": said, "token_count": 3}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"hunter2", "<7 bytes>"),
        (Token(UserId(1), JWT, 2), "<Token>"),
        (Delivery.PUSHED, "pushed"),
        (Path("a/b"), "a/b"),
        ({1, 2}, [1, 2]),
        (Unavailable("away"), "Unavailable: away"),
        ({3: {"a": b""}}, {"3": {"a": "<0 bytes>"}}),
        ([[[[[[1]]]]]], [[[[["..."]]]]]),
    ],
)
def test_a_field_that_is_no_plain_data_shows_no_more_than_is_safe(value: object, shown: object) -> None:
    assert without_secrets(value) == shown


def test_long_fields_are_cut(lines: Lines) -> None:
    log.info("x" * 10_000, many=list(range(10_000)), long="é" * 10_000)

    line = lines.one()
    assert (len(line["event"]), len(line["many"]), len(line["long"])) == (2_003, 50, 2_003)


@pytest.mark.parametrize("value", ["\ud800", 2**70, float("nan")])
def test_what_json_has_trouble_with_is_logged_nevertheless(lines: Lines, value: object) -> None:
    log.info("odd", value=value)

    assert lines.one()["event"] == "odd"


def test_on_a_terminal_lines_are_text(configured: Callable[..., Lines]) -> None:
    text = configured(Terminal())
    log.info("tweet stored", author="ada")
    json_lines = configured(Terminal(), log_format="json")
    log.info("tweet stored")
    plain = configured(StringIO(), log_format="text")
    log.info("tweet stored", author="ada")

    assert "\x1b[" in text.raw()
    assert json_lines.one()["event"] == "tweet stored"
    assert re.fullmatch(r"\S+Z \[info +\] tweet stored +\[roost\] tenantId=default author=ada\n", plain.raw())


def test_text_lines_cannot_be_feigned_by_what_a_client_sent(configured: Callable[..., Lines]) -> None:
    lines = configured(log_format="text")

    log.info("one\n2026 [info] feigned", author="a\x1b[2Jb\u2028")
    log.error("two", exc_info=ValueError("three\nfeigned\x1b[2J"))

    raw = lines.raw()
    assert "\x1b" not in raw
    assert "\u2028" not in raw
    assert not re.search(r"^(2026 )?feigned", raw, re.MULTILINE)
    assert "ValueError: three feigned\\x1b[2J" in raw
