"""What Sphinx and its extensions would work out anew for every page, or for nothing."""

import functools
import gc

import pybtex.plugin
from sphinx.errors import PycodeError
from sphinx.pycode import ModuleAnalyzer
from sphinx.search.en import SearchEnglish


def setup(app):
    gc.set_threshold(100_000)  # the garbage of a page is its whole tree: no use in looking every 700 nodes
    # Each citation reads what every installed package says of itself, to find one plug-in.
    pybtex.plugin.entry_points = functools.cache(pybtex.plugin.entry_points)
    # Pages share most of their words, and Sphinx keeps a word's stem for one page only.
    SearchEnglish.stem = functools.cache(SearchEnglish.stem)
    ModuleAnalyzer.for_module = staticmethod(functools.partial(_own, ModuleAnalyzer.for_module))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _own(analyzed, name):
    """The analysis of a module of ours; that of `typing`, read for one alias, takes as long as twenty."""
    if name.partition(".")[0] != "lecturelib":
        raise PycodeError(f"{name} is not of this library")
    return analyzed(name)
