"""What a reader sees, asked of the browser: what is cut, what is invisible, figures on another ground."""

import contextlib
from pathlib import Path

from tests.workshop.site import browser

A4 = 718  # CSS pixels between the margins of an A4 page
SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


def cut(window) -> list[str]:
    return window.execute_script(SCRIPT + "return cut();")


def invisible(window, paper: bool = False) -> list[str]:
    return window.execute_script(SCRIPT + "return invisible(...arguments);", paper)


def grounds(window) -> list[str]:
    return window.execute_async_script(
        SCRIPT + "const done = arguments[0]; grounds().then(done, (error) => done([String(error)]));"
    )


@contextlib.contextmanager
def laid_out(window, width: int | str, theme: str):
    """The window's page at a width in CSS pixels, or "paper": printed on A4."""
    paper = width == "paper"
    media = {
        "media": "print" if paper else "screen",
        "features": [{"name": "prefers-color-scheme", "value": theme}],
    }
    try:
        browser.resize(window, A4 if paper else width)
        window.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        window.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
        browser.settle(window)
        yield
    finally:
        # Not "screen": that would hold for printing too.
        window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
