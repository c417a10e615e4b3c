"""The page that docs/tutorial.md builds, used in a browser as its reader would."""

import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser import browser_missing, chromium
from tests.server_process import PASSWORD, ServerProcess, sign_up

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(r"<!-- (\S+) -->\n```\w+\n(.*?)```\n", re.DOTALL)
ADDRESS = "http://localhost:8000"
WAIT_S = 30.0
TWEETS = 25

pytestmark = pytest.mark.skipif(browser_missing() is not None, reason=str(browser_missing()))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def page(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """An empty folder, and the address at which it is served."""
    folder = tmp_path / "page"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def build(folder: Path, url: str) -> None:
    """Write the files as the reader does, block after block."""
    for name, code in BLOCK.findall(TUTORIAL.read_text()):
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(code)
    script = folder / "timeline.js"
    assert ADDRESS in script.read_text()
    script.write_text(script.read_text().replace(ADDRESS, url))


def shown(driver: WebDriver) -> list[str]:
    items: list[str] = driver.execute_script("return [...document.querySelectorAll('li')].map(i => i.textContent)")
    return items


def until(driver: WebDriver, holds: Callable[[], object], what: str) -> None:
    WebDriverWait(driver, WAIT_S).until(lambda _: holds(), what)


def type_into(driver: WebDriver, **texts: str) -> None:
    for name, text in texts.items():
        driver.find_element(By.ID, name).send_keys(text)
    driver.find_element(By.ID, name).submit()


async def test_the_page_reads_follows_posts_and_goes_on_after_a_crash(tmp_path: Path, page: tuple[Path, str]) -> None:
    folder, address = page
    server = ServerProcess(tmp_path / "data", allowed_origins=address)
    async with server, httpx.AsyncClient(timeout=WAIT_S) as http:
        build(folder, server.url)
        ada, bob = [await sign_up(http, server.url, handle) for handle in ("ada", "bob")]
        await bob.follow(ada)
        for number in range(TWEETS):
            await ada.tweet(f"tweet {number}")
        with chromium() as driver:
            driver.get(address)
            type_into(driver, handle="bob", password=PASSWORD)
            until(driver, lambda: len(shown(driver)) == 20, "a page shows")
            driver.find_element(By.ID, "more").click()
            until(driver, lambda: len(shown(driver)) == TWEETS, "the rest shows")

            gone = await ada.tweet("regretted")
            until(driver, lambda: shown(driver)[0] == "Ada @ada: regretted", "a tweet arrives")
            await ada.ask("DeleteTweet", id=gone)
            until(driver, lambda: shown(driver)[0] == f"Ada @ada: tweet {TWEETS - 1}", "a tweet goes")

            server.kill()
            await server.start()
            await ada.tweet("<b>while</b> it was away")
            until(driver, lambda: shown(driver)[0] == "Ada @ada: <b>while</b> it was away", "the stream goes on")
            until(driver, lambda: driver.find_element(By.ID, "state").text == "live", "the page is live again")
            type_into(driver, text="mine")
            until(driver, lambda: shown(driver)[0] == "Bob @bob: mine", "what is posted shows")
            assert len(shown(driver)) == len(set(shown(driver))) == TWEETS + 2
