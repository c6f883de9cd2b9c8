"""Every address on a built site: the internal ones lead somewhere, the external ones are well formed."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

EXTERNAL = re.compile(r"https://([a-z0-9-]+\.)+[a-z]{2,}(:\d+)?(/[^\s<>\"]*)?", re.IGNORECASE)


class Page(HTMLParser):
    """The anchors of a page, what it links to, and what it loads."""

    def __init__(self, text: str):
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href") is not None:
            self.links.append(given["href"])
        if tag in ("img", "script", "iframe", "source", "audio", "video") and given.get("src"):
            self.loads.append(given["src"])
        if (
            tag == "link"
            and given.get("href")
            and given.get("rel") not in ("next", "prev", "index", "search")
        ):
            self.loads.append(given["href"])


def problems(site: Path) -> list[str]:
    """What is wrong with the addresses of the site's pages: `page: address, why`."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}

    def anchors(target: Path) -> set[str]:
        return pages[target].anchors if target in pages else {unquote(parts.fragment)}

    wrong = []
    for path, page in pages.items():
        name = path.relative_to(site)
        for address in page.links + page.loads:
            parts = urlsplit(address)
            if parts.scheme in ("mailto", "data"):
                continue
            if parts.scheme or address.startswith("//"):
                if address in page.loads:
                    wrong.append(f"{name}: {address}, loaded from another machine")
                elif not EXTERNAL.fullmatch(address):
                    wrong.append(f"{name}: {address}, not a well-formed https address")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file() or not target.is_relative_to(site.resolve()):
                wrong.append(f"{name}: {address}, no such file")
            elif parts.fragment and unquote(parts.fragment) not in anchors(target):
                wrong.append(f"{name}: {address}, no such place on that page")
    return sorted(set(wrong))
