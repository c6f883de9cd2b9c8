"""A real headless Chromium for the tests of the site, found or named by CHROME; no network in reach."""

import contextlib
import functools
import http.server
import json
import os
import shutil
import threading
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
AXE = Path(__file__).parent / "vendor" / "axe" / "axe.min.js"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--force-color-profile=srgb", "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # whatever a page asks for, it cannot leave
)  # fmt: skip


def find() -> tuple[str, str]:
    """Chromium and its driver.

    Skips the test, with the reason, where one is missing; fails it where LECTURE_REQUIRE names chromium.
    """
    named = os.environ.get("CHROME")
    browser = named or next(filter(None, map(shutil.which, NAMES)), None)
    driver = shutil.which("chromedriver")
    missing = [
        name for name, path in (("a browser (or CHROME=...)", browser), ("chromedriver", driver)) if not path
    ]
    if missing:
        reason = f"not found: {', '.join(missing)}"
        required = "chromium" in os.environ.get("LECTURE_REQUIRE", "").split(",")
        (pytest.fail if required else pytest.skip)(reason)
    return browser, driver


@contextlib.contextmanager
def opened(profile: Path, *, width: int = 1280, height: int = 900, dark: bool = False, scripts: bool = True):
    """A browser window with a fresh profile; `requests` and `errors` say what its pages did.

    Args:
        profile: an empty folder for the browser's files.
        width, height: CSS pixels of the page.
        dark: the reader's system prefers dark pages.
        scripts: False switches JavaScript off.
    """
    browser, driver = find()
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    if not scripts:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    window = webdriver.Chrome(options=options, service=Service(driver))
    try:
        window.set_page_load_timeout(60)
        window.get("about:blank")
        requests(window)  # forgotten: those of the browser's own first page
        window.set_script_timeout(120)
        resize(window, width, height)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        yield window
    finally:
        window.quit()


def resize(window, width: int, height: int = 900) -> None:
    """Lay pages out at so many CSS pixels, as small as a telephone's too."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def requests(window) -> list[str]:
    """Addresses that the pages asked for since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in window.get_log("performance")]
    sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    return [*sent, *(m["params"]["url"] for m in messages if m["method"] == "Network.webSocketCreated")]


def leaving(addresses: list[str], home: str) -> list[str]:
    """Those of the addresses that are neither below `home` nor inside the page or the browser."""
    return [a for a in addresses if not a.startswith((home, "data:", "blob:", "about:", "chrome:"))]


def errors(window) -> list[str]:
    """What the pages printed on the console since the last call, errors and warnings."""
    return [e["message"] for e in window.get_log("browser") if e["level"] in ("SEVERE", "WARNING")]


def settle(window) -> None:
    """Wait until the formulas are set and the pictures in sight are there."""
    window.execute_async_script(
        """
        const done = arguments[arguments.length - 1];
        const set = window.MathJax?.startup?.promise ?? Promise.resolve();
        const painted = () => requestAnimationFrame(() => requestAnimationFrame(done));
        set.then(() => document.fonts.ready).then(painted);
        """
    )


def violations(window) -> list[str]:
    """What axe-core finds wrong by WCAG 2.0 to 2.2, levels A and AA: rule, place, why."""
    window.execute_script(AXE.read_text(encoding="utf-8"))
    result = window.execute_async_script(
        """
        const done = arguments[arguments.length - 1];
        const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
        axe.run(document, {runOnly: tags, resultTypes: ["violations"]}).then(
          r => done(r.violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.target}: ${n.failureSummary}`))),
          e => done([`axe itself failed: ${e}`]));
        """
    )
    return result


def sideways(window) -> list[str]:
    """What makes the page wider than the window: nothing if it does not scroll sideways."""
    return window.execute_script(
        """
        const root = document.documentElement, limit = root.clientWidth;
        if (root.scrollWidth <= limit && document.body.scrollWidth <= limit) return [];
        const right = e => e.getBoundingClientRect().right;
        const wide = [...document.querySelectorAll("body *")].filter(e => right(e) > limit + 1);
        const names = wide.slice(0, 8).map(e => e.tagName + "." + e.className);
        return [`page ${root.scrollWidth} px in ${limit} px`, ...names];
        """
    )


@contextlib.contextmanager
def served(folder: Path):
    """The folder on a loopback server; yields its address, ending in a slash."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            """Nothing: the test says what it needs."""

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()
