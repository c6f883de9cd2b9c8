"""The adaptive methods against optax and against their formulas in float64; what holds of any gradients."""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturelib import adaptive
from tests.agree import agree
from tests.marks import first_quick

STEPS = 1000
EPS = float(np.finfo(np.float32).eps)
RATE = 0.125
OURS_AND_OPTAX = {
    "adagrad": (adaptive.adagrad(RATE), optax.adagrad(RATE, initial_accumulator_value=0.0, eps=0.0)),
    "rmsprop": (
        adaptive.rmsprop(RATE, decay=0.95, eps=0.01),
        optax.rmsprop(RATE, decay=0.95, eps=0.01, eps_in_sqrt=False),
    ),
    "adam": (adaptive.adam(RATE, b1=0.8, b2=0.99, eps=0.01), optax.adam(RATE, 0.8, 0.99, eps=0.01)),
    "adam by default": (adaptive.adam(RATE), optax.adam(RATE)),
    "amsgrad": (
        adaptive.amsgrad(RATE, b1=0.8, b2=0.9, eps=0.01),
        optax.amsgrad(RATE, 0.8, 0.9, eps=0.01),
    ),
    "amsgrad of the paper": (
        adaptive.amsgrad(RATE, b2=0.9, bias_correction=False),
        optax.amsgrad(RATE, b2=0.9, bias_correction_mu=False, bias_correction_nu=False),
    ),
}
# Adam's step is at most sqrt(sum b1^2k / b2^k (1 - b1)^2 / (1 - b2)) < 10 rates for the decays used here.
LARGEST_STEP = 10 * RATE
# Every step rounds v and m a few times, and an average forgets at best nothing: 3 roundings, eps / 2 each.
ROUNDING = 1.5 * EPS * STEPS * LARGEST_STEP
DIAGONAL = {
    "adagrad": adaptive.adagrad(RATE),
    "rmsprop": adaptive.rmsprop(RATE, eps=0.0),
    "adam": adaptive.adam(RATE, eps=0.0),
    "amsgrad": adaptive.amsgrad(RATE, eps=0.0),
}
EVERY = DIAGONAL | {"full matrix": adaptive.full_matrix_adagrad(RATE)}
shapes = st.lists(st.lists(st.integers(1, 3), max_size=3).map(tuple), min_size=1, max_size=3)
few_shapes = st.sampled_from([[()], [(3,), (), (2, 2)]])  # compiled once each
seeds = st.integers(0, 2**32 - 1)


def random_tree(shapes, seed, steps):
    """Gradients of every step, a tree of arrays: magnitudes from 1e-3 to 1e3, a third of the entries zero."""
    random = np.random.default_rng(seed)

    def leaf(shape):
        scale = 10.0 ** random.uniform(-3, 3, (1, *shape))
        values = random.normal(size=(steps, *shape)) * scale
        return (values * (random.random(values.shape) < 2 / 3)).astype(np.float32)

    leaves = [leaf(shape) for shape in shapes]
    return {"first": leaves[0], "rest": (leaves[1:], {})}


@functools.partial(jax.jit, static_argnums=0)
def scan(method, gradients):
    def one(state, gradient):
        step, state = method.update(gradient, state)
        return state, step

    start = method.init(jax.tree.map(lambda leaf: leaf[0], gradients))
    return jax.lax.scan(one, start, gradients)[1]


def steps_of(method, gradients):
    """All steps that a method makes on these gradients, whatever the parameters."""
    return jax.tree.map(np.asarray, scan(method, gradients))


def flat(tree):
    """A tree of steps as one matrix, (steps, numbers)."""
    leaves = jax.tree.leaves(tree)
    return np.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], axis=1)


@pytest.mark.long
@first_quick("name", OURS_AND_OPTAX, quick=2)
@settings(max_examples=3, deadline=None)
@given(shapes=shapes, seed=seeds)
def test_equals_optax_over_a_thousand_steps(name, shapes, seed):
    gradients = random_tree(shapes, seed, STEPS)
    ours, theirs = (flat(steps_of(method, gradients)) for method in OURS_AND_OPTAX[name])
    assert np.abs(ours).max() > RATE / 10
    agree(ours, theirs, rounding=ROUNDING, normwise=True)


def formula(gradients, rate, b1, b2, eps=0.0, correct=True, keep_largest=False, wrong=None):
    """Adam's family in float64, straight from the paper, or with one plausible mistake; (steps, d)."""
    m = v = largest = np.zeros(gradients.shape[1])
    steps = []
    for t, g in enumerate(gradients.astype(float), start=0 if wrong == "t from 0" else 1):
        t = max(t, 1)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * (abs(g) if wrong == "no square" else g * g)
        m_hat, v_hat = (m / (1 - b1**t), v / (1 - b2**t)) if correct else (m, v)
        if wrong == "m not corrected":
            m_hat = m
        largest = np.maximum(largest, v if wrong == "largest uncorrected v" else v_hat)
        below = largest if keep_largest else v_hat
        root = np.sqrt(below + eps) if wrong == "eps in the root" else np.sqrt(below) + eps
        steps.append(-rate * m_hat / np.where(root == 0, 1, root) * (-1 if wrong == "uphill" else 1))
    return np.array(steps)


def test_adagrad_is_its_formula():
    gradients = random_tree([(3,), (2, 2)], 0, 100)
    g = flat(gradients).astype(float)
    expected = -RATE * g / np.maximum(np.sqrt(np.cumsum(g**2, axis=0)), 1e-30)
    ours = flat(steps_of(DIAGONAL["adagrad"], gradients))
    agree(ours, expected, rounding=100 * EPS * RATE, normwise=True)
    without_own = -RATE * g[1:] / np.sqrt(np.cumsum(g**2, axis=0)[:-1] + 1e-30)  # the sum stops too early
    assert np.abs(expected[1:] - without_own).max() > 0.1


CASES = {
    "rmsprop": (adaptive.rmsprop(RATE, decay=0.95, eps=0.5), {"b1": 0, "b2": 0.95, "correct": False}),
    "adam": (adaptive.adam(RATE, b1=0.8, b2=0.99, eps=0.5), {"b1": 0.8, "b2": 0.99}),
    "adam, uncorrected": (
        adaptive.adam(RATE, b1=0.8, b2=0.99, eps=0.5, bias_correction=False),
        {"b1": 0.8, "b2": 0.99, "correct": False},
    ),
    "amsgrad": (
        adaptive.amsgrad(RATE, b1=0.8, b2=0.9, eps=0.5),
        {"b1": 0.8, "b2": 0.9, "keep_largest": True},
    ),
}
MUTANTS = ["t from 0", "no square", "m not corrected", "largest uncorrected v", "eps in the root", "uphill"]
BLIND = {  # where a mistake is none
    "rmsprop": {"t from 0", "m not corrected", "largest uncorrected v"},
    "adam": {"largest uncorrected v"},
    "adam, uncorrected": {"t from 0", "m not corrected", "largest uncorrected v"},
    "amsgrad": set(),
}


@pytest.mark.parametrize("name", CASES)
def test_adams_family_is_its_formula_and_no_near_miss(name):
    method, options = CASES[name]
    gradients = random_tree([(3,), (2, 2)], 1, 60)
    ours, g = flat(steps_of(method, gradients)), flat(gradients)
    # In float32, 1 - b^t loses the digits that b^t and 1 share; at worst t = 1: eps / (1 - b2).
    tolerance = (60 * 1.5 * EPS + EPS / (1 - options["b2"])) * LARGEST_STEP
    agree(ours, formula(g, RATE, eps=0.5, **options), rounding=tolerance, normwise=True)
    for wrong in set(MUTANTS) - BLIND[name]:
        off = np.abs(ours - formula(g, RATE, eps=0.5, **options, wrong=wrong)).max()
        assert off > 10 * tolerance, wrong


@first_quick("name", EVERY)
@settings(max_examples=3, deadline=None)
@given(shapes=few_shapes, seed=seeds, power=st.integers(-10, 10))
def test_the_scale_of_the_loss_does_not_matter(name, shapes, seed, power):
    gradients = random_tree(shapes, seed, 20)
    scaled = jax.tree.map(lambda leaf: leaf * np.float32(2.0**power), gradients)
    ours, theirs = flat(steps_of(EVERY[name], gradients)), flat(steps_of(EVERY[name], scaled))
    if name == "full matrix":
        # Eigenvalues near the cutoff, eps of the largest, are rough.
        agree(ours, theirs, rounding=20 * np.sqrt(EPS) * RATE, normwise=True)
    else:
        assert (ours == theirs).all()  # powers of two round nothing


@first_quick("name", DIAGONAL)
@settings(max_examples=3, deadline=None)
@given(shapes=few_shapes, seed=seeds)
def test_every_number_goes_its_own_way(name, shapes, seed):
    gradients = random_tree(shapes, seed, 20)
    alone = steps_of(DIAGONAL[name], flat(gradients)[:, ::-1])[:, ::-1]
    together = flat(steps_of(DIAGONAL[name], gradients))
    agree(together, alone, rounding=ROUNDING * 20 / STEPS, normwise=True)


@first_quick("name", EVERY)
def test_nothing_moves_where_no_gradient_arrived(name):
    gradients = np.zeros((30, 4), np.float32)
    gradients[5::3, 1], gradients[:, 2] = 1.0, -2.0
    steps = steps_of(EVERY[name], gradients)
    assert (steps[:, [0, 3]] == 0).all()
    assert (steps[:5, 1] == 0).all()
    assert (steps[5::3, 1] < 0).all()
    assert (steps[:, 2] > 0).all()


@pytest.mark.parametrize("name", DIAGONAL)
def test_a_gradient_that_is_not_a_number_shows(name):
    gradients = np.array([[1.0, 1.0], [np.nan, 1.0]], np.float32)
    steps = steps_of(DIAGONAL[name], gradients)
    assert np.isnan(steps[1]).tolist() == [True, False]


def test_amsgrad_is_adam_while_gradients_grow_and_slower_after():
    gradients = np.array([1, 2, 3, 4, 1, 1, 1, 1], np.float32)[:, None]
    options = {"b1": 0.0, "b2": 0.5, "eps": 0.0}
    slow = steps_of(adaptive.amsgrad(RATE, **options), gradients)
    fast = steps_of(adaptive.adam(RATE, **options), gradients)
    assert (slow[:4] == fast[:4]).all()
    assert (abs(slow[4:]) < abs(fast[4:])).all()


def rotation(seed, d=6):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]


@pytest.mark.long
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 1000))
def test_full_matrix_turns_with_the_coordinates_and_diagonal_does_not(seed):
    g = np.random.default_rng(seed).normal(size=(40, 6))
    g[20:] *= [1, 0.1, 1, 10, 1, 1]
    Q = rotation(seed + 1)
    turned, straight = (g @ Q.T).astype(np.float32), g.astype(np.float32)
    error = {
        name: np.abs(steps_of(method, turned) - steps_of(method, straight) @ Q.T).max() / RATE
        for name, method in EVERY.items()
    }
    # While G has rank t < d its zeros are rounded to eps, and the root of that is what they may do to a step.
    # After that, rounding G by eps moves its smallest eigenvalue by eps * condition of itself.
    condition = max(np.linalg.cond(g[:t].T @ g[:t] if t >= 6 else g[:t] @ g[:t].T) for t in range(1, 41))
    assert error["full matrix"] < max(np.sqrt(EPS), EPS * condition)
    assert min(error[name] for name in DIAGONAL) > 0.1


def test_full_matrix_is_its_formula_and_diagonal_on_one_hot_gradients():
    g = np.random.default_rng(0).normal(size=(30, 4))
    total, expected = np.zeros((4, 4)), []
    for row in g:
        total = total + np.outer(row, row)
        values, vectors = np.linalg.eigh(total)
        root = np.where(values > 1e-9, 1 / np.sqrt(np.maximum(values, 1e-9)), 0)
        expected.append(-RATE * vectors @ (root * (vectors.T @ row)))
    ours = steps_of(EVERY["full matrix"], {"a": g[:, :1].astype("f"), "b": g[:, 1:].astype("f")})
    agree(flat(ours), expected, rounding=4 * np.sqrt(EPS) * RATE, normwise=True)
    one_hot = np.eye(4, dtype=np.float32)[np.arange(30) % 4] * np.float32(3)
    diagonal = steps_of(EVERY["adagrad"], one_hot)
    agree(steps_of(EVERY["full matrix"], one_hot), diagonal, rounding=8 * EPS)


def test_a_rate_may_be_a_schedule_or_come_from_vmap():
    gradients = np.ones((4, 1), np.float32)
    schedule = adaptive.adam(lambda t: 1 / jnp.sqrt(t + 1), eps=0.0)
    expected = -1 / np.sqrt([1, 2, 3, 4])  # a constant gradient: every step is the rate
    agree(steps_of(schedule, gradients)[:, 0], expected, relative=EPS / 1e-3)  # 1 - b2 = 1e-3

    def first(rate):
        return adaptive.one_step(adaptive.adagrad(rate), [2.0])[0]

    assert jax.vmap(first)(jnp.array([0.5, 1.0])).tolist() == [[-0.5], [-1.0]]


@pytest.mark.parametrize(("name", "field"), [("adagrad", "G"), ("adam", "v"), ("amsgrad", "u")])
def test_the_state_is_read_by_its_letter(name, field):
    _, state = adaptive.one_step(DIAGONAL[name], [3.0, -0.5])
    share = {"G": 1.0, "v": 1e-3, "u": 1.0}[field]  # of g^2: 1 - b2, and 1 after the correction
    agree(optax.tree_utils.tree_get(state, field), share * np.array([9.0, 0.25]), relative=EPS / 1e-3)


METHODS = [adaptive.adagrad, adaptive.full_matrix_adagrad, adaptive.rmsprop, adaptive.adam, adaptive.amsgrad]


@pytest.mark.parametrize("method", METHODS)
def test_bad_arguments_are_refused_at_the_door(method):
    for rate in (0, -1.0, float("nan"), float("inf"), "0.1", None, True):
        with pytest.raises(ValueError, match="learning_rate"):
            method(rate)
    options = set(inspect.signature(method).parameters)
    for name in options & {"b1", "b2", "decay"}:
        for value in (1.0, -0.1, float("nan"), "0.9"):
            with pytest.raises(ValueError, match=name):
                method(0.1, **{name: value})
    if "eps" in options:
        with pytest.raises(ValueError, match="eps"):
            method(0.1, eps=-1e-8)


def test_full_matrix_refuses_many_parameters():
    with pytest.raises(ValueError, match="1001"):
        adaptive.full_matrix_adagrad(0.1).init({"w": np.zeros(1000), "c": np.zeros(1)})
