"""Reading a grid: depth, best rate, maximal rate, on curves whose answers are known."""

import numpy as np
import pytest

from lecturelib.networks.training_grid import GridRun, steps_to
from tests.agree import FLOAT64, agree


def grid(loss, diverged_at=-1, checkpoints=(0, 10, 30)):
    loss = np.asarray(loss, dtype=float)
    rates, seeds = loss.shape[:2]
    return GridRun(
        batch_size=4,
        steps=checkpoints[-1],
        learning_rates=0.1 * 2.0 ** np.arange(rates),
        seeds=np.arange(seeds),
        checkpoints=np.array(checkpoints),
        train_loss=loss,
        train_error=loss / 4,
        test_loss=loss + 1,
        test_error=loss / 3,
        diverged_at=np.broadcast_to(diverged_at, (rates, seeds)),
    )


THREE_RATES = [[[2, 1.8, 1.6]], [[2, 1.0, 0.5]], [[2, 0.8, 0.7]]]


def test_depth_is_read_off_the_straight_line_between_checkpoints():
    run = grid(THREE_RATES)
    agree(run.steps_to(1.0)[:, 0], [np.inf, 10, 10 * 1.0 / 1.2], relative=4 * FLOAT64)
    agree(run.steps_to(0.75)[:, 0], [np.inf, 20, 20], relative=4 * FLOAT64)
    assert (run.steps_to(2.5) == 0).all()
    assert np.isinf(run.steps_to(1.0, "test_loss")).all()
    agree(run.steps_to(0.25, "train_error"), run.steps_to(1.0), relative=4 * FLOAT64)
    assert run.work.tolist() == [0, 40, 120]


def test_the_first_meeting_counts():
    assert grid([[[2, 1, 1.5, 0.5]]], checkpoints=(0, 1, 2, 3)).steps_to(1.0).tolist() == [[1]]


def test_a_straight_line_in_the_logarithm():
    points, curves = np.array([0, 1, 3, 7]), 3.0 * np.exp(-np.array([[0, 1, 3, 7], [0, 0, 0.5, 1]]))
    target = 3.0 * np.exp(-2.0)
    agree(steps_to(points, curves, target, logarithmic=True), [2.0, np.inf], relative=8 * FLOAT64)
    assert steps_to(points, curves[0], target) > 2.1  # a straight line in the loss would be seen
    assert steps_to(points, [1.0, 0.5, -0.1, 0.2], 0.25, logarithmic=True) == 3  # no logarithm below 0
    assert steps_to(points, [1.0, 0.5, 0.0, 0.2], 0.25, logarithmic=True) == 3
    assert steps_to(points, [0.2, 0.5, 0.1, 0.1], 0.25, logarithmic=True) == 0


def test_the_best_rate_depends_on_the_goal_and_says_when_the_grid_was_too_narrow():
    run = grid(THREE_RATES)
    assert (run.best().index, run.best().at_edge) == (1, False)
    assert (run.best(target=1.0).index, run.best(target=1.0).at_edge) == (2, True)
    assert run.best().learning_rate == 0.2
    assert grid(THREE_RATES[1:]).best().at_edge
    assert grid(THREE_RATES[:2]).best().at_edge


def test_the_best_rate_is_best_on_average_over_seeds_and_for_every_seed():
    run = grid([[[2, 1, 0.9], [2, 1, 0.9]], [[2, 1, 0.1], [2, 1, 0.8]], [[2, 1, 0.1], [2, 2, 2]]])
    assert run.best().index == 1
    assert run.best(target=0.85).index == 1


def test_a_diverged_rate_is_never_best():
    run = grid(THREE_RATES, diverged_at=[[-1], [7], [-1]])
    assert run.best().index == 2
    with pytest.raises(ValueError, match="none got every seed through"):
        grid(THREE_RATES, diverged_at=3).best()
    with pytest.raises(ValueError, match=r"to train_loss <= 0\.1"):
        grid(THREE_RATES).best(target=0.1)


def test_a_run_that_learned_nothing_has_diverged():
    assert grid([[[2, 1, 1.9]], [[2, 1, 2.0]], [[2, 1, 9]]]).diverged.tolist() == [[False], [True], [True]]


@pytest.mark.parametrize(
    ("diverged_at", "expected"),
    [([-1, -1, -1], 0.4), ([-1, -1, 0], 0.2), ([-1, 5, -1], 0.1), ([2, -1, -1], 0.0)],
)
def test_the_maximal_rate_is_the_last_before_the_first_that_diverged(diverged_at, expected):
    assert grid(THREE_RATES, np.array(diverged_at)[:, None]).max_learning_rate == expected


def test_runs_are_compared_where_their_training_loss_is_equal():
    run = grid(THREE_RATES)
    errors = run.when(0.75, "test_error")[:, 0]  # a third of the loss, on the same straight lines
    assert np.isnan(errors[0])  # never got there: not its last value
    agree(errors[1:], [0.25, 0.25], relative=4 * FLOAT64)
    agree(run.when(1.0, "test_loss")[1:, 0], [2.0, 2.0], relative=4 * FLOAT64)
    with pytest.raises(ValueError, match="measure = 'loss'"):
        run.when(1.0, "loss")


def test_an_unknown_measure_is_refused():
    with pytest.raises(ValueError, match="measure = 'loss'"):
        grid(THREE_RATES).steps_to(1.0, "loss")


def test_one_rate_of_a_grid_is_that_rates_runs():
    run = grid(THREE_RATES, diverged_at=[[-1], [7], [-1]])
    one = run.at_rate(run.learning_rates[1])
    assert one.train_loss.tolist() == THREE_RATES[1:2]
    assert one.diverged_at.tolist() == [[7]]
    assert one.steps_to(0.75).tolist() == run.steps_to(0.75)[1:2].tolist()
    assert one.work.tolist() == run.work.tolist()
    with pytest.raises(ValueError, match=r"learning_rate is 0\.3: choose one of \[0\.1, 0\.2, 0\.4\]"):
        run.at_rate(0.3)
