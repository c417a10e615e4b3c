"""A headless Chromium for tests that use a page as a person would: Debian's browser and driver, nothing downloaded."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver

BROWSER = Path("/usr/bin/chromium")
DRIVER = Path("/usr/bin/chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


def browser_missing() -> str | None:
    """Why no browser can be started here, fit for a skip; None if one can."""
    absent = [str(path) for path in (BROWSER, DRIVER) if not path.exists()]
    return f"no {' and no '.join(absent)}: install Debian's chromium and chromium-driver" if absent else None


@contextmanager
def chromium(width: int = 1280, height: int = 900) -> Iterator[WebDriver]:
    """A browser with an empty profile and a window of that many pixels; ended and its profile deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="roost-chromium-", ignore_cleanup_errors=True) as profile:
        options = Options()
        options.binary_location = str(BROWSER)
        for flag in (*FLAGS, f"--window-size={width},{height}", f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        # With the driver's path given, Selenium does not go looking for one on the network.
        driver = WebDriver(options=options, service=Service(executable_path=str(DRIVER)))
        try:
            yield driver
        finally:
            driver.quit()
