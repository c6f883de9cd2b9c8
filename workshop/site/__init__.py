"""The reader's site: pages gathered from notebooks, docstrings, homework and site/, then built by Sphinx."""
