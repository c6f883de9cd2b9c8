"""Which cases of a test run each time, and which only in `make long`."""

from collections.abc import Iterable
from typing import Any

import pytest


def first_quick(
    names: str | tuple[str, ...], cases: Iterable[Any], quick: int = 1, **options: Any
) -> pytest.MarkDecorator:
    """`parametrize`, with the first cases quick and the others marked long: `make long` and CI run all."""
    single = isinstance(names, str) and "," not in names
    marked = []
    for number, case in enumerate(cases):
        given = case if hasattr(case, "marks") else pytest.param(*([case] if single else case))
        long = [pytest.mark.long] if number >= quick else []
        marked.append(pytest.param(*given.values, id=given.id, marks=[*given.marks, *long]))
    return pytest.mark.parametrize(names, marked, **options)
