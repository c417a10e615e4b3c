"""GraphiQL as a person uses it: a browser logs in, reads the home timeline, and sees a tweet arrive live."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from infra.web.pages import DIST
from tests.browser import browser_missing, chromium
from tests.server_process import LOOK_AGAIN_S, PASSWORD, ServerProcess, sign_up

WAIT_S = 30.0
Found = TypeVar("Found")
MISSING = browser_missing() or (None if (DIST / "index.html").exists() else "GraphiQL is not built: say `make pages`")

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


class Page:
    """GraphiQL in a browser."""

    def __init__(self, driver: WebDriver, url: str) -> None:
        self.driver = driver
        driver.get(f"{url}/graphql")
        self.find(".graphiql-query-editor .view-line")

    def find(self, selector: str) -> WebElement:
        """Wait for an element."""
        return self._until(lambda driver: driver.find_element(By.CSS_SELECTOR, selector), f"no {selector}")

    def log_in(self, handle: str, password: str) -> None:
        """Use the form."""
        self.find("#login-handle").send_keys(handle)
        self.find("#login-password").send_keys(password)
        self.find("#login-submit").click()
        self.see("#login-state", f"signed in as @{handle}")

    def run(self, tab: str) -> None:
        """Open a tab and run what stands in it."""
        self.find(f"button[id^='graphiql-session-tab-'][title='{tab}']").click()
        self.find("button.graphiql-execute-button").click()

    def see(self, selector: str, text: str) -> None:
        """Wait until an element shows a text; editors show spaces that do not break."""
        self._until(
            lambda driver: text in driver.find_element(By.CSS_SELECTOR, selector).text.replace("\xa0", " "),
            f"{text!r} does not show in {selector}",
        )

    def _until(self, found: Callable[[WebDriver], Found], otherwise: str) -> Found:
        return WebDriverWait(self.driver, WAIT_S).until(found, otherwise)


async def test_a_person_logs_in_reads_and_sees_a_tweet_arrive(tmp_path: Path) -> None:
    async with ServerProcess(tmp_path / "data") as server, httpx.AsyncClient() as http:
        ada, carol = await sign_up(http, server.url, "ada"), await sign_up(http, server.url, "carol")
        await carol.follow(ada)
        await ada.tweet("An old tweet of mine")
        with chromium() as driver:
            page = Page(driver, server.url)
            page.log_in("carol", PASSWORD)
            page.run("HomeTimeline")
            page.see(".result-window", "An old tweet of mine")
            page.run("HomeTimelineUpdates")
            page.find("#live-state[data-state='connected']")
            await listened(http, server.url)
            await ada.tweet("A new tweet, just now")
            page.see(".result-window", "A new tweet, just now")
            picture = tmp_path / "graphiql.png"
            assert driver.save_screenshot(str(picture))
            loaded = driver.execute_script("return performance.getEntriesByType('resource').map(each => each.name)")
            assert [name for name in loaded if not name.startswith((f"{server.url}/", "data:", "blob:"))] == []
            assert any(name.startswith(f"{server.url}/graphiql/assets/") for name in loaded)
            told = driver.get_log("browser")  # type: ignore[no-untyped-call]
            assert [entry["message"] for entry in told if entry["level"] == "SEVERE"] == []
    assert picture.stat().st_size > 0


async def listened(http: httpx.AsyncClient, url: str) -> None:
    """Wait until the server counts a live stream."""
    async with asyncio.timeout(WAIT_S):
        while True:
            if "roost_home_streams 1.0" in (await http.get(f"{url}/metrics")).text:
                return
            await asyncio.sleep(LOOK_AGAIN_S)
