"""Take the README's picture from the stored outputs of notebook 08, so that it shows what the lecture shows.

python tools/readme_picture.py
"""

import base64
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "site" / "mnist.png"


def picture() -> bytes:
    """The PNG of the figure of loss against depth and work."""
    cells = nbformat.read(ROOT / "notebooks" / "08_mnist.ipynb", as_version=4).cells
    (outputs,) = [cell.outputs for cell in cells if cell.id == "curves"]
    (image,) = [o.data["image/png"] for o in outputs if "image/png" in o.get("data", {})]
    return base64.b64decode(image)


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_bytes(picture())
