"""What the noise scale refuses, and that each refusal names the value and the remedy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lecturelib import noise_scale

KEY = jax.random.key(0)


def square_loss(error, batch):
    features, noise = batch
    return 0.5 * jnp.mean((features @ error - noise) ** 2)


def some_batch(examples):
    random = np.random.default_rng(0)
    return random.normal(size=(examples, 6)).astype("f"), random.normal(size=examples).astype("f")


GOOD = {"params": np.ones(6, "f"), "batch": some_batch(64)}


REFUSED = {
    "one example": ({"batch": some_batch(1)}, "holds 1 example;"),
    "prime": ({"batch": some_batch(67)}, "67 examples.*first 66"),
    "unequal": ({"batch": (GOOD["batch"][0], GOOD["batch"][1][:60])}, r"\[0\] has 64, batch\[1\] has 60"),
    "no axis": ({"batch": (GOOD["batch"][0], np.float32(1.0))}, r"batch\[1\] has none"),
    "nothing": ({"batch": ()}, "empty"),
    "chunks": ({"chunks": 10}, "chunks = 10 .* 64 examples"),
    "few chunks": ({"chunks": 4}, "chunks = 4 "),
    "vector": ({"loss": lambda w, b: (b[0] @ w - b[1]) ** 2}, "return jnp.mean"),
    "tuple": ({"loss": lambda w, b: (square_loss(w, b), 1)}, "return jnp.mean"),
    "sum": ({"loss": lambda w, b: jnp.sum((b[0] @ w - b[1]) ** 2)}, "divide a sum by the batch size"),
    "diverged": ({"params": np.array([1, np.nan, 1, 1, 1, 1], "f")}, "not finite; take parameters"),
    "large": ({"params": np.full(6, 1e30, "f")}, "loss is inf"),
    "bad example": ({"batch": (GOOD["batch"][0] * np.inf, GOOD["batch"][1])}, "loss is"),
    "bad gradient": ({"loss": lambda w, b: jnp.mean(b[0] @ jnp.sqrt(w - 1.0))}, "gradient .* not finite"),
    "constant": ({"loss": lambda w, b: jnp.mean(b[1] ** 2)}, "zero on every example"),
    "integers": ({"params": np.ones(6, int)}, "int64, which has no gradient"),
    "no params": ({"params": {}}, "hold no numbers"),
    "key": ({"key": 0}, "jax.random.key"),
    "confidence": ({"confidence": 95}, "confidence = 95"),
    "tolerance": ({"tolerance": 0.0}, "tolerance = 0.0"),
    "products": ({"max_products": 0}, "max_products = 0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_with_its_value_and_a_remedy(name):
    change, message = REFUSED[name]
    arguments = {"loss": square_loss, "key": KEY, **GOOD, **change}
    with pytest.raises(ValueError, match=message):
        noise_scale.estimate(**arguments)
