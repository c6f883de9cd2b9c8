"""A student's key: one name that is safe wherever it is written, and nobody else's."""

import hashlib
import re
import unicodedata

_HASHED = re.compile(r".*-[0-9a-f]{16}")  # 64 bits: nobody finds a second name with the hash of another's
_NO_FILE = re.compile(r"((con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³])(\..*)?|.*\.)", re.IGNORECASE)  # on Windows


def safe_name(raw: str) -> str:
    """A name that is safe as a file's name, in HTML and in a spreadsheet; distinct names stay distinct.

    Only names are the same that Unicode calls the same: an accent may be a character of its own or not.

    >>> from workshop.grading import names
    >>> names.safe_name("Ada Lovelace"), names.safe_name("ada-2")
    ('Ada_Lovelace-7674021617159190', 'ada-2')
    """
    raw = unicodedata.normalize("NFC", raw)
    name = re.sub(r"[^\w.-]", "_", raw).lstrip(".-")
    name = name[:80].encode()[:180].decode(errors="ignore") or "unnamed"  # file systems count bytes, to 255
    if name == raw and not _HASHED.fullmatch(name) and not _NO_FILE.fullmatch(name):
        return name
    return f"{name}-{hashlib.sha256(raw.encode(errors='surrogatepass')).hexdigest()[:16]}"


def in_one_case(name: str) -> str:
    """The same for names that are one file's where a file system takes no notice of capitals.

    >>> from workshop.grading import names
    >>> names.in_one_case("Ada") == names.in_one_case("aDA"), names.in_one_case("Straße")
    (True, 'STRAßE')
    """
    return "".join(c.upper() if len(c.upper()) == 1 else c for c in name)
