"""The audit on the site: each claim with the mistakes it catches, from the verdict in site/audit.json."""

import json
from pathlib import Path

from workshop import notebooks
from workshop.audit import page, registry


def pages(root: Path) -> dict[str, str]:
    """The page `audit.md`; none where no verdict is stored."""
    stored = root / "site" / "audit.json"
    if not stored.exists():
        return {}
    claims = registry.claims_of(notebooks.find(root / "notebooks"))
    body = page.fragment(claims, json.loads(stored.read_text(encoding="utf-8")))
    return {"audit.md": f"# The audit of the claims\n\n````{{raw}} html\n{body}\n````\n"}
