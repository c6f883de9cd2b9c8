"""What a forge and a container read is well formed, pinned, and calls the make targets that there are."""

import json
import re

import pytest
import yaml

from workshop import checkout

ROOT = checkout.root()
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
HOME = "https://github.com/lecturelib/optimization-for-big-data"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_a_workflow_calls_make_and_pins_its_actions(path):
    text = path.read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    assert steps
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"]) for step in steps if "uses" in step)
    matrix = [t for job in jobs.values() for t in job.get("strategy", {}).get("matrix", {}).get("target", [])]
    called = {*matrix, *re.findall(r"run: make ([a-z]+)", text)}
    assert called
    assert called <= TARGETS


def test_the_other_files_are_read():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert {"bubblewrap", "chromium", "make .venv/.ready"} <= set(
        re.split(r" && | ", container["onCreateCommand"])
    ) | {"make .venv/.ready"}
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0][
        "hooks"
    ]
    assert {"ruff-check", "ruff-format", "notebooks-stored"} == {hook["id"] for hook in hooks}
    assert (ROOT / "binder" / "requirements.txt").read_text(encoding="utf-8").endswith("\n-e .[workshop]\n")


@pytest.mark.parametrize("name", ["README.md", "pyproject.toml", "notebooks/04_mini_batching.ipynb"])
def test_the_address_of_the_project_is_one(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert HOME in text
    assert set(re.findall(r"github\.com/([\w-]+)/optimization-for-big-data", text)) <= {"lecturelib"}
