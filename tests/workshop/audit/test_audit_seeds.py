"""Other seeds: the parameters that are seeds are raised; a claim that is false at some seeds is counted."""

import pytest

from tests.agree import agree
from tests.workshop.test_notebooks import write
from workshop.audit import execution, mutants, seeds

COIN = """
import numpy as np
from lecturelib import claims
heads = np.random.default_rng(seed).integers(0, 2, 10_000)
error = heads.std(ddof=1) / 100
because = "4 standard errors over 10,000 runs"
claims.check("01.fair", "A.", measured=heads.mean(), equals=0.5, tolerance=4 * error, because=because)
"""
ODD = 'claims.check("01.odd", "B.", measured=seed // 1000 % 2, equals=1, because="a count")'


def test_seeds_and_lists_of_seeds_are_raised_and_nothing_else(tmp_path):
    cell = "seed = 3  # a\ntuning_seed = 1  # b\nseeds = [1, 2]  # c\nreseeded = 4  # d\nruns = 5  # e"
    notebook = write(tmp_path, "01_tiny", cell)
    raised = {"seed": 2003, "tuning_seed": 2001, "seeds": [2001, 2002]}
    assert seeds.other_seed(notebook, 2) == raised


@pytest.mark.long
def test_claims_are_counted_seed_by_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(mutants, "MUTANTS", tmp_path)  # where there are none for notebook 01
    notebook = write(tmp_path, "01_tiny", "seed = 0  # any", COIN, ODD)
    with execution.Worker() as worker:
        fair, odd = seeds.run(notebook, range(1, 5), [worker])
    assert (fair["claim"], fair["held"], fair["seeds"]) == ("01.fair", 4, 4)
    assert 0.9999 < fair["rate"] < 1
    assert (odd["claim"], odd["held"], odd["seeds"], odd["rate"]) == ("01.odd", 2, 4, 1.0)


def test_a_notebook_without_a_seed_is_refused(tmp_path):
    with pytest.raises(ValueError, match="01_tiny has no parameter `seed`"):
        seeds.run(write(tmp_path, "01_tiny", "runs = 1  # any"), range(1), [])


@pytest.mark.parametrize(
    ("arguments", "rate", "bound"),
    [
        (("expected", "a count", 5), 1.0, False),
        (("expected", "4 standard errors", 1), 0.999937, False),
        (("at most", "4 standard errors are added", 1), 0.999968, True),
        (("expected", "4 standard errors", 10), 0.999367, True),
        (("expected", "4 standard errors over 10 games", 1), 0.996891, False),
        (("expected", "4 standard errors over the seeds, paired", 1, 8), 0.994810, False),
        (("at least", "95 % intervals", 1), 0.95, True),
    ],
)
def test_the_predicted_rate_is_students(arguments, rate, bound):
    found, is_bound = seeds.predicted(*arguments)
    agree(found, rate, rounding=2e-6)
    assert is_bound is bound
