"""Data and losses of a reader's own model that no advice is for: each refused by name."""

import numpy as np
import pytest

from lecturelib import advice
from tests.lecture.advice.test_model import linear


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda f, w, data: (f, w, (data[0], np.array(["a"] * 64))),
            r"data\[1\] is of <U1, not of numbers; np.unique",
        ),
        (
            lambda f, w, data: (f, w, (data[0], data[1] / np.arange(64))),
            r"data\[1\] has 1 values that are not finite",
        ),
        (
            lambda f, w, data: (f, w, zip(*data, strict=True)),
            r"data yields shapes \(\(6,\), \(\)\); yield batches",
        ),
        (
            lambda f, w, data: (lambda w, b: f(w, b) - 50.0, w, data),
            "the first loss is -4.*; add to the loss",
        ),
    ],
)
def test_data_and_losses_that_no_advice_is_for_are_refused_by_name(change, says):
    with pytest.raises(ValueError, match=says), np.errstate(divide="ignore"):
        advice.from_model(*change(*linear(64)))
