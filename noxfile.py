"""Other versions: the library's tests and one notebook's stored outputs, each with packages of its own.

    make versions                   # lowest and newest, below build/nox
    make versions ONLY=newest-3.12  # one of them

`lowest` has the lowest versions that pyproject.toml allows, on the lowest Python; `newest` the newest there
are. A Python that this machine lacks is named and skipped; none is downloaded.
"""

import os

import nox

os.environ["UV_PYTHON_DOWNLOADS"] = "never"
nox.needs_version = ">=2024.10"
nox.options.default_venv_backend = "uv"
nox.options.envdir = "build/nox"
nox.options.error_on_missing_interpreters = False
PACKAGE = ".[dev,files,site,workshop]"  # an extra that only another extra names is not direct to uv
NOTEBOOK = "notebooks/04_mini_batching.ipynb"


def check(session: nox.Session, *options: str) -> None:
    """Run the library's tests, and hold one notebook to its stored outputs."""
    command = ["python", "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *options]
    session.run(*command, "-m", "not compat and not long", NOTEBOOK, "tests/lecture")


@nox.session(python="3.11")
def lowest(session: nox.Session) -> None:
    """The lowest versions allowed; what they warn of is not held against them."""
    session.install("--resolution", "lowest-direct", "--editable", PACKAGE)
    deprecated = ("DeprecationWarning", "PendingDeprecationWarning")
    check(session, *(word for name in deprecated for word in ("-W", f"ignore::{name}")))


@nox.session(python=["3.11", "3.12", "3.13"])
def newest(session: nox.Session) -> None:
    """The newest versions."""
    session.install("--upgrade", "--editable", PACKAGE)
    check(session)
