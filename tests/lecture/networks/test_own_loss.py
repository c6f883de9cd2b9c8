"""Losses, parameters and data as users of flax and equinox write them: the same numbers as in plain JAX."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from click.testing import CliRunner

from lecturelib import advice, noise_scale
from lecturelib.networks import own_loss
from tests.agree import agree
from tests.marks import first_quick
from workshop.cli import main

RNG = np.random.default_rng(0)
X = RNG.standard_normal((512, 6)).astype("f")
Y = (X.sum(axis=1) + 0.3 * RNG.standard_normal(512)).astype("f")
KEY = jax.random.key(0)


def mse(outputs, targets):
    return 0.5 * jnp.mean((outputs[:, 0] - targets) ** 2)


def plain(w, batch):
    return mse(batch[0] @ w, batch[1])


W = jnp.full((6, 1), 0.25)


class Counted:
    """As flax nnx and equinox have them: an object that is a pytree, with a counter, a key and a function."""

    def __init__(self, w, count, activation):
        self.w, self.count, self.activation = w, count, activation


jax.tree_util.register_pytree_with_keys(
    Counted,
    lambda m: ([(jax.tree_util.GetAttrKey(n), getattr(m, n)) for n in ("w", "count", "activation")], None),
    lambda _, leaves: Counted(*leaves),
)


def identity(x):
    return x


STAND_INS = {
    "variables": (lambda v, b: plain(v["params"]["w"], b), {"params": {"w": W}}),
    "counter and function": (
        lambda m, b: mse(m.activation(b[0] @ m.w), b[1]), Counted(W, jnp.uint32(3), identity)
    ),
    "key": (lambda p, b: plain(p["w"], b), {"w": W, "key": jax.random.key(1), "none": None}),
    "aux": (lambda w, b: (plain(w, b), {"accuracy": jnp.ones(3)}), W),
    "aux and integers": (lambda p, b: (plain(p["w"], b), b), {"steps": np.int64(7), "w": W}),
}  # fmt: skip


@pytest.fixture(scope="module")
def expected():
    return noise_scale.estimate(plain, W, (X, Y), key=KEY)


@first_quick("name", STAND_INS)
def test_a_model_of_any_form_has_the_noise_of_the_plain_one(name, expected):
    found = noise_scale.estimate(*STAND_INS[name], (X, Y), key=KEY)
    agree(
        [found.noise_scale, found.gradient_norm],
        [expected.noise_scale, expected.gradient_norm],
        relative=1e-4,
    )
    agree(found.sharpness, expected.sharpness, relative=1e-2)


@pytest.mark.long
def test_the_leaves_held_are_those_given(expected):
    def loss(p, batch):
        return plain(p["w"] * p["twice"], batch)

    found = noise_scale.estimate(loss, {"w": W, "twice": jnp.int32(2)}, (X, Y), key=KEY)
    assert abs(found.gradient_norm / expected.gradient_norm - 1.0) > 0.1
    other = noise_scale.estimate(lambda w, b: plain(2 * w, b), W, (X, Y), key=KEY)
    agree(found.gradient_norm, other.gradient_norm, relative=1e-4)


@pytest.mark.long
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_half_precision_is_measured_in_single(dtype, expected):
    def loss(w, batch):
        return mse((batch[0].astype(dtype) @ w).astype(jnp.float32), batch[1])

    found = noise_scale.estimate(loss, W.astype(dtype), (X, Y), key=KEY)
    error = 6.0 * float(jnp.finfo(dtype).eps)  # of six products
    assert 1.0 - error < found.noise_scale / expected.noise_scale < 1.0 + error


@pytest.mark.long
def test_an_iterator_of_batches_in_dicts_trains_a_module_with_a_counter():
    def batches():
        for at in range(0, 512, 32):
            yield {"x": X[at : at + 32], "y": Y[at : at + 32]}

    def loss(model, batch):
        return mse(model.activation(batch["x"] @ model.w), batch["y"]), batch["y"]

    model = Counted(W, jnp.uint32(3), identity)
    found = advice.from_model(loss, model, batches(), goal=0.5, runs=2)
    whole = advice.from_model(plain, W, (X, Y), goal=0.5, runs=2)
    assert (found.rows, found.columns) == (512, 6)
    assert found.plan.best.batch_size == whole.plan.best.batch_size
    assert found.trials[0].measured_steps < math.inf


def test_an_iterator_is_read_up_to_a_limit_and_never_twice(monkeypatch):
    monkeypatch.setattr(own_loss, "MOST", 100)
    endless = (np.full(32, k) for k in range(10**9))
    assert len(own_loss.collected(endless)) == 128
    data = {"x": X, "y": [Y, None]}
    assert own_loss.collected(data) is data
    with pytest.raises(ValueError, match="data yields nothing"):
        own_loss.collected(iter(()))
    with pytest.raises(ValueError, match="the examples on the leading axis"):
        own_loss.collected(iter([3.0]))


def misspelt(w, batch):
    return plain(w["weights"], batch)


def dropout(w, batch):  # its mask is another for each size of batch
    kept = jax.random.bernoulli(KEY, 0.5, batch[0].shape)
    return plain(w, (jnp.where(kept, 2.0 * batch[0], 0.0), batch[1]))


@pytest.mark.long
@pytest.mark.parametrize(
    ("loss", "says"),
    [
        (misspelt, r"your loss raises .*test_own_loss.py, line \d+"),
        (lambda w, b: mse(b[0][:, :5] @ w, b[1]), r"your loss raises TypeError: dot_general .*test_own_loss"),
        (
            lambda w, b, key: plain(w, b),
            r"loss takes \(w, b, key\), not \(params, batch\): close over the rest",
        ),
        (lambda w, b: (jnp.ones(2), 1), "not one floating-point number"),
        (dropout, "mean of the two"),
    ],
)
def test_mistakes_are_shown_as_the_readers_with_their_place(loss, says):
    with pytest.raises(ValueError, match=says):
        noise_scale.estimate(loss, W, (X, Y), key=KEY)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "import nothing_of_this_name",
            "your module raises ModuleNotFoundError: No module named 'nothing_of",
        ),
        ("def make():\n    return 1 / 0\n", "your function raises ZeroDivisionError: division by zero"),
        ("def make(:\n", "your module raises SyntaxError"),
        (
            "import numpy as np\ndef loss(p, b):\n    return b['z']\n"
            "def make():\n    return loss, np.ones(2), {'x': np.ones(64)}\n",
            "your loss raises KeyError: 'z' (",
        ),
    ],
)
def test_the_command_says_what_the_readers_code_raises(tmp_path, monkeypatch, text, says):
    name = f"own_{abs(hash(text)) % 10**9}"
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(
        main, ["batch-size", "--model", f"{name}:make", "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 2
    assert says in " ".join(result.output.split())


PACKAGES = "is not among the lecture's packages"


@pytest.mark.long
def test_flax_linen():
    nn = pytest.importorskip("flax.linen", reason=f"flax {PACKAGES}")
    model = nn.Sequential([nn.Dense(8), nn.relu, nn.Dense(1)])
    found = noise_scale.estimate(
        lambda v, b: mse(model.apply(v, b["x"]), b["y"]), model.init(KEY, X[:1]), {"x": X, "y": Y}, key=KEY
    )
    assert found.resolved


@pytest.mark.long
def test_flax_nnx_module_and_state():
    nnx = pytest.importorskip("flax.nnx", reason=f"flax {PACKAGES}")
    rngs = nnx.Rngs(0)
    model = nnx.Sequential(
        nnx.Linear(6, 8, rngs=rngs), nnx.relu, nnx.Dropout(0.1, rngs=rngs), nnx.Linear(8, 1, rngs=rngs)
    )
    model.eval()
    graph, state = nnx.split(model)
    pair = [
        noise_scale.estimate(lambda m, b: mse(m(b[0]), b[1]), model, (X, Y), key=KEY),
        noise_scale.estimate(lambda s, b: mse(nnx.merge(graph, s)(b[0]), b[1]), state, (X, Y), key=KEY),
    ]
    agree(pair[0].noise_scale, pair[1].noise_scale, relative=1e-4)


@pytest.mark.long
def test_equinox():
    eqx = pytest.importorskip("equinox", reason=f"equinox {PACKAGES}")
    model = eqx.nn.MLP(6, 1, 8, 1, key=KEY)
    floats, rest = eqx.partition(model, eqx.is_inexact_array)
    pair = [
        noise_scale.estimate(lambda m, b: mse(jax.vmap(m)(b[0]), b[1]), model, (X, Y), key=KEY),
        noise_scale.estimate(
            lambda p, b: mse(jax.vmap(eqx.combine(p, rest))(b[0]), b[1]), floats, (X, Y), key=KEY
        ),
    ]
    agree(pair[0].noise_scale, pair[1].noise_scale, relative=1e-4)
