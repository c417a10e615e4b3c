"""The pages: how they are served, and when they are built anew."""

import gzip
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infra.web import build
from infra.web.pages import CONTENT_SECURITY_POLICY, asset_routes, page_response

SCRIPT = b"console.log('a page')" * 100


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    assets = folder / "assets"
    assets.mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Roost</title>")
    (folder / "favicon.svg").write_text("<svg/>")
    (folder / ".digest").write_text("abc")
    (assets / "index-AbC_1-2x.js").write_bytes(SCRIPT)
    (assets / "index-AbC_1-2x.js.gz").write_bytes(gzip.compress(SCRIPT))
    (assets / "index-AbC_1-2x.js.br").write_bytes(b"brotli bytes")
    (assets / "fira-1.woff2").write_bytes(b"font")
    (tmp_path / "secret.js").write_text("outside")
    return folder


@asynccontextmanager
async def browsing(dist: Path) -> AsyncIterator[httpx.AsyncClient]:
    async def graphql(_: Request) -> Response:
        return page_response(dist)

    app = Starlette(routes=[*asset_routes("graphiql", dist), Route("/graphql", graphql)])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://roost", headers={"accept-encoding": ""}
    ) as client:
        yield client


async def test_the_page_comes_with_a_strict_policy_and_is_not_kept(dist: Path) -> None:
    async with browsing(dist) as client:
        answer = await client.get("/graphql")
    assert answer.status_code == 200
    assert answer.text == "<!doctype html><title>Roost</title>"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-cache"


def test_the_policy_lets_no_foreign_host_and_no_inline_script_in() -> None:
    directives = dict(part.split(" ", 1) for part in CONTENT_SECURITY_POLICY.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self'"
    allowed = {source for sources in directives.values() for source in sources.split()}
    assert allowed == {"'none'", "'self'", "'unsafe-inline'", "data:"}
    assert [name for name, sources in directives.items() if "'unsafe-inline'" in sources] == ["style-src"]


async def test_without_a_build_the_page_says_what_to_run(tmp_path: Path) -> None:
    async with browsing(tmp_path / "nothing") as client:
        page, asset = await client.get("/graphql"), await client.get("/graphiql/assets/index.js")
    assert page.status_code == 503
    assert page.headers["content-type"].startswith("text/plain")
    assert page.headers["cache-control"] == "no-store"
    assert "make run" in page.text
    assert "python -m infra.web.build" in page.text
    assert asset.status_code == 404


@pytest.mark.parametrize(
    ("accept_encoding", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("GZip;q=0.5", "gzip"),
        ("br;q=0, gzip;q=1.0", "gzip"),
        ("br; q=0.000", None),
        ("deflate", None),
        ("", None),
    ],
)
async def test_a_script_is_sent_in_the_smallest_form_that_the_client_takes(
    dist: Path, accept_encoding: str, coding: str | None
) -> None:
    async with browsing(dist) as client:
        request = client.build_request(
            "GET", "/graphiql/assets/index-AbC_1-2x.js", headers={"accept-encoding": accept_encoding}
        )
        answer = await client.send(request, stream=True)
        body = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert body == {"br": b"brotli bytes", "gzip": gzip.compress(SCRIPT), None: SCRIPT}[coding]


async def test_hashed_files_are_kept_for_ever_and_the_others_asked_for_again(dist: Path) -> None:
    async with browsing(dist) as client:
        font = await client.get("/graphiql/assets/fira-1.woff2", headers={"accept-encoding": "br"})
        icon = await client.get("/graphiql/favicon.svg")
        head = await client.head("/graphiql/assets/index-AbC_1-2x.js")
    assert font.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert font.headers["content-type"] == "font/woff2"
    assert "content-encoding" not in font.headers
    assert icon.headers["cache-control"] == "no-cache"
    assert icon.headers["content-type"] == "image/svg+xml"
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(SCRIPT)), b"")


@pytest.mark.parametrize(
    "path",
    [
        "/graphiql/assets/absent.js",
        "/graphiql/index.html",
        "/graphiql/.digest",
        "/graphiql/assets/index-AbC_1-2x.js.br",
        "/graphiql/",
        "/graphiql/assets",
        "/graphiql/../secret.js",
        "/graphiql/%2e%2e/secret.js",
        "/graphiql/..%2fsecret.js",
        "/graphiql/assets/..%2f..%2fsecret.js",
        "/graphiql/assets%2f..%2f..%2fsecret.js",
        "/graphiql/%2fetc%2fpasswd.js",
        "/graphiql/assets/index-AbC_1-2x.js%00",
        "/graphiql/assets%5c..%5c..%5csecret.js",
    ],
)
async def test_no_other_name_reaches_a_file(dist: Path, path: str) -> None:
    async with browsing(dist) as client:
        answer = await client.send(httpx.Request("GET", httpx.URL("http://roost", raw_path=path.encode())))
    assert answer.status_code == 404
    assert "outside" not in answer.text


def sources(folder: Path) -> build.Page:
    page = folder / "page"
    (page / "src").mkdir(parents=True)
    (page / "package.json").write_text("{}")
    (page / "src" / "main.js").write_text("one")
    (folder / "shared.graphql").write_text("one")
    return build.Page(page, "Some page", ("../shared.graphql",))


def built(page: build.Page) -> None:
    dist = page.source / "dist"
    dist.mkdir()
    (dist / "index.html").write_text("built")
    (dist / ".digest").write_text(build.source_digest(page))


def test_unchanged_sources_are_not_built_again(tmp_path: Path) -> None:
    page, said = sources(tmp_path), list[str]()
    built(page)
    assert build.build(page, said.append) is False
    assert said == ["Some page: up to date."]


@pytest.mark.parametrize("changed", ["src/main.js", "package.json", "src/new.js", "dist/.digest", "../shared.graphql"])
def test_any_changed_source_asks_for_a_build(tmp_path: Path, changed: str) -> None:
    page = sources(tmp_path)
    assert not build.is_current(page)
    built(page)
    (page.source / "node_modules").mkdir()
    (page.source / "node_modules" / "left_over.js").write_text("no source")
    (page.source / "src" / "generated.ts").write_text("no source either")
    assert build.is_current(page)
    (page.source / changed).write_text("two")
    assert not build.is_current(page)


def test_a_failed_build_leaves_the_old_page_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, scratch, tools = sources(tmp_path), tmp_path / "scratch", tmp_path / "tools"
    built(page)
    (page.source / "src" / "main.js").write_text("two")
    scratch.mkdir()
    tools.mkdir()
    for tool, script in {"node": "echo v20.19.0", "npm": "echo no such package >&2; exit 7"}.items():
        (tools / tool).write_text(f"#!/bin/sh\n{script}\n")
        (tools / tool).chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with pytest.raises(build.BuildError, match=re.compile("npm ci.*ended with 7.*no such package", re.DOTALL)):
        build.build(page, lambda _: None)
    assert (page.source / "dist" / "index.html").read_text() == "built"
    assert sorted(entry.name for entry in page.source.iterdir()) == ["dist", "package.json", "src"]
    assert not list(scratch.iterdir())


def test_the_node_that_vite_needs() -> None:
    assert [
        version for version in ("v20.19.0", "v20.20.2", "v22.12.0", "v24.1.0") if not build.node_fits(version)
    ] == []
    assert [
        version for version in ("v18.20.0", "v20.18.9", "v21.7.0", "v22.11.0", "") if build.node_fits(version)
    ] == []


@pytest.mark.parametrize("page", build.PAGES, ids=lambda page: page.source.name)
def test_the_lock_file_names_no_registry_and_pins_every_package_by_its_hash(page: build.Page) -> None:
    lock = (page.source / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    packages = re.findall(r'^    "(node_modules/[^"]+)": \{(.*?)^    \}', lock, re.DOTALL | re.MULTILINE)
    assert len(packages) > 50
    unhashed = [name for name, entry in packages if '"integrity": "sha512-' not in entry and '"inBundle"' not in entry]
    assert unhashed == []
