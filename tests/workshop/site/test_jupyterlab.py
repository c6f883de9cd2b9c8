"""JupyterLab as a student opens it: every image there has a name, and no figure is a white sheet by night."""

import os
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest

from workshop import notebooks

pytestmark = pytest.mark.long
IMAGES = 'const images = [...document.querySelectorAll(".jp-OutputArea-output img")];'
UNNAMED = (
    IMAGES + "return [images.length, images.filter((i) => !i.alt.trim()).map((i) => i.src.slice(0, 80))];"
)
SCHEMES = (
    IMAGES + "const shown = images.filter((image) => image.checkVisibility());"
    "return [...new Set(shown.map((image) => getComputedStyle(image).colorScheme))];"
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Address of a JupyterLab whose folder holds the stored figures of notebook 05."""
    folder = tmp_path_factory.mktemp("lab")
    (notebook,) = notebooks.select(["05"])
    contents = nbformat.v4.new_notebook(metadata=notebook.read().metadata)
    contents.cells = [cell for cell in notebook.read().cells if cell.id.endswith("-figure")][:3]
    nbformat.write(contents, folder / "figures.ipynb")
    environment = os.environ | {
        f"JUPYTER_{name}_DIR": str(folder / name) for name in ("DATA", "CONFIG", "RUNTIME")
    }
    trust = [sys.executable, "-m", "jupyter", "trust", "figures.ipynb"]  # as one is that the student has run
    subprocess.run(trust, cwd=folder, env=environment, check=True, capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = {"ip": "127.0.0.1", "port": port, "root_dir": folder, "token": "", "open_browser": False}
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--allow-root",
        *(f"--ServerApp.{k}={v}" for k, v in options.items()),
    ]
    home = f"http://127.0.0.1:{port}/"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=folder, env=environment, **quiet) as server:
        try:
            for _ in range(240):
                try:
                    urllib.request.urlopen(f"{home}api", timeout=5).close()
                    break
                except OSError:
                    assert server.poll() is None
                    time.sleep(0.5)
            yield home
        finally:
            server.terminate()


def images(window, home: str) -> tuple[int, list[str]]:
    window.get(f"{home}lab/tree/figures.ipynb")
    for _ in range(240):
        count, unnamed = window.execute_script(UNNAMED)
        if count >= 3:
            break
        time.sleep(0.5)
    return count, unnamed


def test_every_image_has_a_name(lab, window):
    count, unnamed = images(window, lab)
    assert count >= 3
    assert unnamed == []
    window.execute_script("document.querySelector('.jp-OutputArea-output img').alt = ''")
    assert len(window.execute_script(UNNAMED)[1]) == 1


def test_a_figure_is_no_white_sheet_by_night(lab, window):
    assert images(window, lab)[0] >= 3
    for light, scheme in (("true", "light"), ("false", "dark")):
        window.execute_script("document.body.dataset.jpThemeLight = arguments[0]", light)
        assert window.execute_script(SCHEMES) == [scheme]


def test_no_menu_is_there_that_the_lecture_does_not_use(lab, window):
    assert images(window, lab)[0] >= 3
    menus = window.execute_script("return document.querySelector('#jp-top-panel').innerText").split()
    assert {"File", "Kernel"} <= set(menus)
    assert "Nbgrader" not in menus
