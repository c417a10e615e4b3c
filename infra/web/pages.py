"""The live page at GET / and GraphiQL at GET /graphql, with the files they load, as `infra.web.build` left them."""

import re
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

_WEB = Path(__file__).parent
DIST = _WEB / "graphiql" / "dist"
LIVE_DIST = _WEB / "live" / "dist"

# Workers, fonts and sockets all come from the page's own origin ('self' covers ws: and wss: of the same host). The
# editor writes <style> elements of its own and draws its icons from data: URLs, hence the two exceptions.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

# The live page needs neither exception: its styles are a file, its icons are elements. Pictures and films of tweets
# come from this server, or by https from where an operator keeps them.
LIVE_CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' https: blob:",  # what a person is about to upload is shown before
        "media-src 'self' https: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

NOT_BUILT = (
    "The page has not been built yet.\n\n"
    "Run `make run`, or `python -m infra.web.build`, and load this page again.\n"
    "POST /graphql works without it.\n"
)

_COMMON_HEADERS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
_MEDIA_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".woff2": "font/woff2",
    ".md": "text/markdown; charset=utf-8",
}
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))  # the smaller first
_PLAIN_NAME = re.compile(r"(?:assets/)?[A-Za-z0-9_][A-Za-z0-9_.-]*")
_FOREVER = "public, max-age=31536000, immutable"


def page_response(dist: Path = DIST, policy: str = CONTENT_SECURITY_POLICY) -> Response:
    """The page itself; 503 with a plain hint while `dist` holds no built page. Never raises.

    It is not to be cached, since it names the files of one build.
    """
    try:
        page = (dist / "index.html").read_bytes()
    except OSError:
        return PlainTextResponse(NOT_BUILT, 503, _COMMON_HEADERS | {"cache-control": "no-store"})
    headers = {"content-security-policy": policy, "cache-control": "no-cache"}
    return HTMLResponse(page, headers=_COMMON_HEADERS | headers)


def page_routes() -> list[BaseRoute]:
    """`/` with the live page, and the files of both pages; GraphiQL itself is the endpoint's to give."""

    async def live(_: Request) -> Response:
        return page_response(LIVE_DIST, LIVE_CONTENT_SECURITY_POLICY)

    return [Route("/", live, name="live"), *asset_routes("live", LIVE_DIST), *asset_routes("graphiql", DIST)]


def asset_routes(folder: str, dist: Path) -> list[BaseRoute]:
    """`/{folder}/*`: the built files, compressed if the client takes that; 404 for every other name.

    Names under assets/ carry a hash of their content, so those may be kept for ever; the others are asked for again.
    """

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        media_type = _MEDIA_TYPES.get(Path(name).suffix)
        if media_type is None or not _PLAIN_NAME.fullmatch(name):
            raise HTTPException(404)
        file, encoding = choose_file(dist / name, request.headers.get("accept-encoding", ""))
        if file is None:
            raise HTTPException(404)
        headers = _COMMON_HEADERS | {"vary": "Accept-Encoding"}
        headers["cache-control"] = _FOREVER if name.startswith("assets/") else "no-cache"
        if encoding:
            headers["content-encoding"] = encoding
        return FileResponse(file, media_type=media_type, headers=headers)

    return [Route(f"/{folder}/{{name:path}}", asset, name=f"{folder}_asset")]


def choose_file(plain: Path, accept_encoding: str) -> tuple[Path | None, str | None]:
    """The file to send for `plain` and its content coding: the smallest twin that the client takes, else `plain`.

    (None, None) if there is no such file. Codings are read as RFC 9110 section 12.5.3 says, but that `*` counts as
    none and identity is never refused.
    """
    if not plain.is_file():
        return None, None
    accepted = _accepted_codings(accept_encoding)
    for coding, suffix in _ENCODINGS:
        twin = plain.with_name(plain.name + suffix)
        if coding in accepted and twin.is_file():
            return twin, coding
    return plain, None


def _accepted_codings(accept_encoding: str) -> set[str]:
    accepted = set()
    for part in accept_encoding.lower().split(","):
        coding, _, weight = part.partition(";")
        if not re.fullmatch(r"\s*q=0(\.0*)?\s*", weight):
            accepted.add(coding.strip())
    return accepted
