"""What runs, sweeps, grades, audits and publishes the lecture; only two doors of `lecturelib` import it."""

import sys

from workshop.interrupts import nothing_begun

# Before nbformat is imported: its validator would compile a grammar of web addresses, for seconds, that no
# schema of a notebook asks for. A name that is None cannot be imported, which jsonschema allows for.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def main() -> None:
    """The `lecture` command; without what it needs, a sentence that says how to install it."""
    try:
        with nothing_begun():
            from workshop import cli
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("lecturelib", "workshop"):
            raise
        sys.exit(f'`lecture` needs {error.name}: pip install "lecturelib[workshop]"')
    except RuntimeError as error:  # as lecturelib says of a device that is not there
        sys.exit(f"Error: {error}")
    cli.main()
