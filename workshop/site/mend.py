"""What the theme leaves out of its pages for readers who do not see them, put in after the build."""

from pathlib import Path

MENDS = (
    # A fold of the menu has an arrow and no name.
    (
        '<summary><span class="toctree-toggle"',
        '<summary aria-label="pages below"><span class="toctree-toggle"',
    ),
    # What a folded cell's code does is written on its fold, which the theme names otherwise.
    ('<summary aria-label="Toggle hidden content">', "<summary>"),
    # The button's name must contain the text it shows, "Search Ctrl+K"; without a label of its own, it does.
    (
        'search-button-field search-button__button pst-js-only" title="Search" aria-label="Search"',
        'search-button-field search-button__button pst-js-only"',
    ),
    # Docutils gives the entries of a list of papers a role that ARIA has withdrawn.
    (' role="doc-biblioentry"', ' role="listitem"'),
)


def mend(site: Path) -> None:
    """Mend every page of a built site in place.

    Raises:
        ValueError: a mend that fits nowhere: the theme has changed, and the mend must be looked at again.
    """
    fitted = set()
    for path in sorted(site.rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        mended = text
        for old, new in MENDS:
            if old in mended:
                fitted.add(old)
                mended = mended.replace(old, new)
        if mended != text:
            path.write_text(mended, encoding="utf-8")
    if stale := [old for old, _ in MENDS if old not in fitted]:
        raise ValueError(f"workshop/site/mend.py: no page has {stale}; see whether the theme still needs it")
