"""What a plan runs, and at which rates it judges."""

import dataclasses
import json

import numpy as np
import pytest

from lecturelib.grid import GridRun
from lecturelib.study.plan import PLANS, Plan

PLAN = Plan((1, 64), (0.1, 0.2, 0.4), (0,), (1, 2), samples=640, updates=20, target=0.5, points=4)


def search(train_loss, test_error):
    curves = {
        "train_loss": train_loss,
        "train_error": test_error,
        "test_loss": train_loss,
        "test_error": test_error,
    }
    curves = {name: np.array(curve, dtype=float)[:, None] for name, curve in curves.items()}
    points = np.array([0, 1, 2])
    return GridRun(
        1, 2, np.array([0.1, 0.2, 0.4]), np.array([0]), points, **curves, diverged_at=np.full((3, 1), -1)
    )


FOUND = search([[2, 1, 0.4], [2, 0.4, 0.3], [2, 1, 1.5]], [[0.9, 0.5, 0.1], [0.9, 0.4, 0.2], [0.9, 0.3, 0.3]])


def test_small_batches_are_bounded_by_images_and_large_ones_by_updates():
    assert [PLAN.steps(b) for b in (1, 32, 33, 64)] == [640, 20, 20, 20]


def test_measurements_begin_at_a_hundredth_and_end_with_the_run():
    assert PLAN.checkpoints(1) == [6, 28, 134, 640]
    assert PLAN.checkpoints(64) == [1, 2, 7, 20]


def test_rates_that_win_are_judged_once_each():
    assert PLAN.judged_rates(FOUND) == [0.1, 0.2]  # lowest test error at the end; fastest to the target
    assert dataclasses.replace(PLAN, target=0.45, common_rate=0.2).judged_rates(FOUND) == [0.1, 0.2]
    assert dataclasses.replace(PLAN, common_rate=0.4).judged_rates(FOUND) == [0.1, 0.2, 0.4]


def test_a_target_out_of_reach_is_refused():
    with pytest.raises(ValueError, match=r"to train_loss <= 0\.1"):
        dataclasses.replace(PLAN, target=0.1).judged_rates(FOUND)


def test_seeds_must_be_fresh_and_the_common_rate_known():
    with pytest.raises(ValueError, match=r"seeds has \[2\], which tune the rate too"):
        dataclasses.replace(PLAN, tuning_seeds=(0, 2))
    with pytest.raises(ValueError, match=r"common_rate is 0\.3"):
        dataclasses.replace(PLAN, common_rate=0.3)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_plan_survives_json(plan):
    assert Plan(**json.loads(json.dumps(dataclasses.asdict(plan)))) == plan
    assert plan.batch_sizes[-1] <= plan.images
    assert len(plan.seeds) >= 10
