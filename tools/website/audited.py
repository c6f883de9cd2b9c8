"""The audit on the site: each claim with the mistakes it catches, from the verdict in site/audit.json."""

import json
from pathlib import Path

from lecturelib import notebooks
from tools import audit_page, audit_registry


def pages(root: Path) -> dict[str, str]:
    """The page `audit.md`; none where no verdict is stored."""
    stored = root / "site" / "audit.json"
    if not stored.exists():
        return {}
    claims = audit_registry.claims_of(notebooks.find(root / "notebooks"))
    body = audit_page.fragment(claims, json.loads(stored.read_text(encoding="utf-8")))
    raw = f"<style>{audit_page.STYLE}</style>\n{body}"
    return {"audit.md": f"# The audit of the claims\n\n````{{raw}} html\n{raw}\n````\n"}
