"""The live page as a person uses it: logging in, what comes live, liking, posting, answering, searching."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from infra.web.pages import LIVE_CONTENT_SECURITY_POLICY, LIVE_DIST
from tests.browser import browser_missing, chromium
from tests.media_files import picture
from tests.server_process import LOOK_AGAIN_S, PASSWORD, Account, ServerProcess, sign_up

WAIT_S = 30.0
SENT = {".js", ".css", ".html", ".svg"}
SIZE_MAX = 150_000  # bytes, compressed
MISSING = browser_missing() or (
    None if (LIVE_DIST / "index.html").exists() else "the live page is not built: say `make pages`"
)

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


class LivePage:
    """The page in a browser."""

    def __init__(self, driver: WebDriver, url: str) -> None:
        self.driver = driver
        driver.get(f"{url}/")

    def find(self, selector: str) -> WebElement:
        """Wait for an element that shows."""
        shown: list[WebElement] = WebDriverWait(self.driver, WAIT_S).until(
            lambda driver: [one for one in driver.find_elements(By.CSS_SELECTOR, selector) if one.is_displayed()],
            f"no {selector}",
        )
        return shown[0]

    def see(self, selector: str, text: str) -> None:
        """Wait until one such element shows a text."""
        told = "return [...document.querySelectorAll(arguments[0])].some(each => each.innerText.includes(arguments[1]))"
        WebDriverWait(self.driver, WAIT_S).until(
            lambda driver: driver.execute_script(told, selector, text), f"{text!r} does not show in {selector}"
        )

    def log_in(self, handle: str) -> None:
        """Use the form, and wait until the page is live."""
        self.find("input[name=handle]").send_keys(handle)
        self.find("input[name=password]").send_keys(PASSWORD)
        self.find("form button.main").click()
        self.find("#live-state[data-state=live]")

    def go(self, place: str) -> None:
        """Go to another view by the part of the address behind #."""
        self.driver.execute_script("location.hash = arguments[0]", place)


async def test_a_person_reads_what_comes_live_likes_posts_answers_searches_and_is_told(tmp_path: Path) -> None:
    async with people(tmp_path) as (server, ada, _):
        planted = await ada.tweet("Old <img src=x onerror=alert(1)> text")
        with chromium() as driver:
            page = LivePage(driver, server.url)
            page.log_in("carol")
            page.see("article .text", "Old <img src=x onerror=alert(1)> text")
            await ada.tweet("A new tweet, just now")
            page.see("#new", "1 new")
            page.find("#new").click()
            page.see("article:first-of-type .text", "A new tweet, just now")

            page.find(f"article[data-tweet='{planted}'] .act-heart").click()
            page.find(f"article[data-tweet='{planted}'] .act-heart[aria-pressed=true]")
            await liked(ada, planted)

            page.find("main .composer textarea").send_keys("Mine, of forty-two and more signs")
            page.see("main .composer .left", "247")
            page.find("main .composer button.main").click()
            page.see("article .text", "Mine, of forty-two and more signs")

            page.go(f"/tweet/{planted}")
            page.find("article.focus")
            page.find("main .composer textarea").send_keys("My answer")
            page.find("main .composer button.main").click()
            page.see("section article .text", "My answer")

            await found(ada, "forty")
            page.go("/search?q=forty&by=newest")
            page.see("article .text", "Mine, of forty-two")

            await ada.tweet("Hello @carol")
            page.see("#count-bell", "1")
            page.go("/notifications")
            page.see(".notice.unread", "mentioned you")
            page.find("#mark-read:enabled").click()
            page.see(".bar", "All read")
            assert faults(driver) == []


async def test_a_person_posts_a_picture_with_words_for_it_and_sees_what_trends(tmp_path: Path) -> None:
    file = tmp_path / "roost.png"
    file.write_bytes(picture("PNG", (60, 40)))
    async with people(tmp_path) as (server, _, _):
        with chromium() as driver:
            page = LivePage(driver, server.url)
            page.log_in("carol")
            page.see(".margin .trends", "Nothing stands out")
            driver.find_element(By.CSS_SELECTOR, "main .enclose input").send_keys(str(file))
            page.find("main .enclosures input").send_keys("A bird on a branch")
            page.find("main .composer button.main:enabled").click()
            shown = page.find("article .media img[alt='A bird on a branch']")
            wide = "return arguments[0].complete && arguments[0].naturalWidth"
            WebDriverWait(driver, WAIT_S).until(lambda _: driver.execute_script(wide, shown) == 60, "no picture")

            not_one = tmp_path / "not-one.png"
            not_one.write_bytes(b"GIF89a, or so it says")
            driver.find_element(By.CSS_SELECTOR, "main .enclose input").send_keys(str(not_one))
            page.find("main .enclosures input")
            page.find("main .composer button.main:enabled").click()
            page.see(".toasts .problem", "not of the type")
            assert len(driver.find_elements(By.CSS_SELECTOR, "article")) == 1
            assert faults(driver) == []


async def test_a_like_that_fails_is_put_back(tmp_path: Path) -> None:
    async with people(tmp_path) as (server, ada, _):
        liked_tweet = await ada.tweet("Like me")
        with chromium(width=390, height=800) as driver:
            page = LivePage(driver, server.url)
            page.log_in("carol")
            heart = f"article[data-tweet='{liked_tweet}'] .act-heart"
            page.find(heart)
            await server.stop()
            page.find("#live-state[data-state=reconnecting]")
            page.find(heart).click()
            page.see(".toasts .problem", "does not answer")
            assert page.find(heart).get_attribute("aria-pressed") == "false"
            await server.start()
            page.find("#live-state[data-state=live]")
            await ada.tweet("Said after the restart")
            page.see("#new", "1 new")


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
async def test_axe_finds_nothing_serious_in_any_view(tmp_path: Path, width: int, theme: str) -> None:
    async with people(tmp_path) as (server, ada, carol):
        seen = await ada.tweet("Hello @carol, see #roost at https://example.com")
        await ada.follow(carol)
        with chromium(width=width) as driver:
            emulated = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", emulated)
            page = LivePage(driver, server.url)
            page.find("input[name=handle]")
            found = serious(driver)
            page.log_in("carol")
            views = {
                "/": "article",
                f"/tweet/{seen}": "article.focus",
                "/@ada": ".relations",
                "/search?q=hello": "article",
            }
            for place, sign in {**views, "/@ada/followers": ".tabs", "/notifications": ".notice"}.items():
                page.go(place)
                page.find(sign)
                found += serious(driver)
            page.go("/")
            page.find(".act-why").click()
            page.see("dialog .reason", "You follow its author")
            found += serious(driver)
    assert found == []


async def test_the_page_is_small_and_lets_no_foreign_script_in(tmp_path: Path) -> None:
    assert "unsafe" not in LIVE_CONTENT_SECURITY_POLICY
    files = [file for file in LIVE_DIST.rglob("*") if file.suffix in SENT and file.parent.name != "checks"]
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) < SIZE_MAX
    async with ServerProcess(tmp_path / "data") as server, httpx.AsyncClient() as http:
        answer = await http.get(f"{server.url}/")
    assert answer.headers["content-security-policy"] == LIVE_CONTENT_SECURITY_POLICY
    assert "<script>" not in answer.text and "<style" not in answer.text


async def found(account: Account, query: str) -> None:
    """Wait until a search finds something: the index trails what was posted."""
    document = "query ($query: String!) { search(query: $query) { edges { cursor } } }"
    async with asyncio.timeout(WAIT_S):
        while True:
            if (await account.ask(document, query=query))["edges"]:
                return
            await asyncio.sleep(LOOK_AGAIN_S)


@asynccontextmanager
async def people(tmp_path: Path) -> AsyncIterator[tuple[ServerProcess, Account, Account]]:
    """A server with ada, and carol, who follows her."""
    async with ServerProcess(tmp_path / "data") as server, httpx.AsyncClient() as http:
        ada, carol = await sign_up(http, server.url, "ada"), await sign_up(http, server.url, "carol")
        await carol.follow(ada)
        yield server, ada, carol


async def liked(account: Account, tweet: str) -> None:
    """Wait until the server counts a like of a tweet."""
    async with asyncio.timeout(WAIT_S):
        while True:
            if (await account.ask("query ($id: ID!) { tweet(id: $id) { likeCount } }", id=tweet))["likeCount"] == 1:
                return
            await asyncio.sleep(LOOK_AGAIN_S)


def serious(driver: WebDriver) -> list[str]:
    """Return what axe-core finds to be serious or critical in what shows now."""
    driver.execute_script((LIVE_DIST / "checks" / "axe.min.js").read_text())
    ran = "axe.run(document, {resultTypes: ['violations']}).then(arguments[0])"
    return [
        f"{rule['id']}: {rule['nodes'][0]['html']}"
        for rule in driver.execute_async_script(ran)["violations"]
        if rule["impact"] in {"serious", "critical"}
    ]


def faults(driver: WebDriver) -> list[str]:
    """Return what the browser's console holds against the page: a broken policy, an error."""
    told = driver.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in told if entry["level"] == "SEVERE"]
