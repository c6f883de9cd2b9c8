"""Settings of the reader's site. `python -m workshop.site` gathers the pages and calls Sphinx with them.

Nothing is executed (the notebooks come with their outputs) and nothing is fetched, neither here nor by a
reader.
"""

import importlib.metadata
import sys
from pathlib import Path

import workshop  # noqa: F401  (before nbformat, which starts seconds faster then)

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_ext"))

project = "Optimization for Big Data"
author = "the lecturelib authors, after S. M. Kakade"
project_copyright = "the lecturelib authors, after the lecture by S. M. Kakade; text CC BY 4.0, code MIT"
version = release = importlib.metadata.version("lecturelib")
source = importlib.metadata.metadata("lecturelib").get_all("Project-URL")[0].partition(", ")[2]
language = "en"
html_title = "Optimization for Big Data"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",  # a page for each module that library/index.md lists
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinxcontrib.bibtex",
    "sphinx_copybutton",
    "sphinx_design",
    "stored_notebooks",  # site/_ext: figures light and dark with their numbers, an anchor for every cell
    "kept",  # site/_ext: what would be worked out anew for every page
    "about",  # site/_ext: a description of each page
    "lecture_links",  # site/_ext: {cell} and {claim}, links to cells
]
templates_path = ["_templates"]
exclude_patterns = ["_ext", "_static", "_templates", "**/README.md", "explorers/parts"]

# Notebooks: their stored outputs, never run here.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist", "attrs_inline", "attrs_block"]
myst_heading_anchors = 3

# Mathematics from the copy that the lecture bundles; assistive MathML is for screen readers.
mathjax_path = "mathjax-3.2.2-tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False, "enableAssistiveMml": True}}

# Papers.
bibtex_bibfiles = ["references.bib"]
bibtex_reference_style = "author_year"
bibtex_default_style = "plain"

# The library's pages.
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True  # as written: a path of this machine is no default for the reader
autodoc_typehints = "none"
default_role = "code"
highlight_language = "none"  # a literal block is a formula
add_module_names = False
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # fields in a list of the class, not once more each by itself
python_use_unqualified_type_names = True

# Looks.
html_theme = "sphinx_book_theme"
html_static_path = ["_static"]
html_css_files = ["lecture.css"]
html_js_files = [("lecture.js", {"priority": 600})]
html_favicon = "_static/mark.svg"
html_show_sourcelink = False
html_copy_source = False
html_last_updated_fmt = None
html_theme_options = {
    "logo": {"image_light": "_static/mark.svg", "image_dark": "_static/mark-dark.svg", "text": project},
    "navbar_persistent": [],  # else the search box stands there twice
    "use_download_button": False,
    "use_fullscreen_button": False,
    "use_source_button": False,
    "use_repository_button": False,
    "show_toc_level": 2,
    "collapse_navbar": True,  # the menu of a page without what lies below its neighbours: much less to write
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "show_prev_next": True,
    "back_to_top_button": False,
    "extra_footer": "The code beside it computed every number. No page asks the network for anything. "
    f'Edition {version}; <a href="{source}">source</a>, <a href="{source}/issues">questions, mistakes</a>.',
}
html_context = {"default_mode": "auto"}
