"""What the tests of the site share: the site, built once for all processes, and two browser windows."""

import contextlib
import re
import shutil
from pathlib import Path

import filelock
import pytest

from lecturelib.explorers import show
from tests.workshop.site import browser
from workshop import checkout
from workshop.site import build, explorers


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What needs the built site is for `make long`: building it takes as long as three notebooks."""
    for item in items:
        if "site" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session")
def site(tmp_path_factory, worker_id):
    """The site, built from nothing; a warning of Sphinx fails it."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder if worker_id == "master" else folder.parent
    with filelock.FileLock(folder / "site.lock"):
        if not (folder / "built-site").exists():
            build.build(folder / "built-site", work=folder / "site-work")
            shutil.rmtree(folder / "site-work")  # the site must not need it
    return folder / "built-site"


@pytest.fixture(scope="session")
def home(site):
    with browser.served(site) as address:
        yield address


@pytest.fixture(scope="session")
def both(tmp_path_factory):
    """A light window and a dark one, 1280 pixels wide; `windows` puts them back to that."""
    with contextlib.ExitStack() as stack:
        yield {
            theme: stack.enter_context(browser.opened(tmp_path_factory.mktemp(theme), dark=theme == "dark"))
            for theme in ("light", "dark")
        }


@pytest.fixture
def windows(both):
    """The two windows, at their usual width, with no page's messages left over."""
    for window in both.values():
        browser.resize(window, 1280)
        window.get("about:blank")  # JupyterLab writes to the console when its page is left
        browser.requests(window)
        browser.errors(window)
    return both


@pytest.fixture
def window(windows):
    """The light window."""
    return windows["light"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Every page of site/explorers, without the site around it, and one explorer in a notebook's frame."""
    folder = tmp_path_factory.mktemp("explorers")
    head = '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>page</title></head><body><main>'
    for path, text in explorers.pages(checkout.root()).items():
        raw = re.findall(r"^`{8}\{raw\} html\n(.*?)\n`{8}$", text, re.MULTILINE | re.DOTALL)
        tried = "".join(
            f"<ul><li>{line}</li></ul>" for line in re.findall(r"^\d\. (.*<a .*)$", text, re.MULTILINE)
        )
        (folder / f"{Path(path).stem}.html").write_text(head + "".join(raw) + tried + "</main></body></html>")
    (folder / "frame.html").write_text(head + show("delay").data + "</main></body></html>")
    return folder
