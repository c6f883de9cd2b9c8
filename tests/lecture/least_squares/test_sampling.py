"""Wrong simulators, and that 4 standard errors find them out; and how batches are drawn."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lecturelib import simulate, spread
from lecturelib.least_squares import sampling, scan
from tests.lecture.least_squares.sgd_cases import PROBLEMS, RUNS, STEPS, agrees, errors_away, exact
from tests.marks import first_quick

# Wrong simulators. Each changes one thing a hurried author gets wrong, and none survives 4 standard errors.


class SumForMean(sampling.GaussianSampler):
    def gradient(self, batch, errors):
        return super().gradient(batch, errors) * len(batch[1])


class NoLabelNoise(sampling.GaussianSampler):
    def draw(self, key, workers, batch_size):
        features, noise = super().draw(key, workers, batch_size)
        return features, 0.0 * noise


class DoubledGradient(sampling.GaussianSampler):
    """The gradient of the loss without its 1/2."""

    def gradient(self, batch, errors):
        return 2.0 * super().gradient(batch, errors)


class UnscaledFeatures(sampling.GaussianSampler):
    """Multiplies by the eigenvalues instead of by their roots."""

    def draw(self, key, workers, batch_size):
        features, noise = super().draw(key, workers, batch_size)
        return features * jnp.sqrt(self.eigenvalues)[None, None, :], noise


class CollisionsLost(sampling.OneHotSampler):
    """Counts a coordinate that came twice only once."""

    def draw(self, key, workers, batch_size):
        share, noise = super().draw(key, workers, batch_size)
        return (share > 0) / batch_size, noise


class UniformCoordinates(sampling.OneHotSampler):
    def draw(self, key, workers, batch_size):
        uniform = dataclasses.replace(self, cumulative=jnp.arange(1.0, 4.0) / 3.0)
        return sampling.OneHotSampler.draw(uniform, key, workers, batch_size)


class WithoutReplacement(sampling.RowSampler):
    def draw(self, key, workers, batch_size):
        return sampling.RowSampler(self.features, self.residuals, self.hessian, False).draw(
            key, workers, batch_size
        )


class ShuffledResiduals(sampling.RowSampler):
    """Noise of the right size that forgot which row it belongs to: no cross term."""

    def draw(self, key, workers, batch_size):
        features, noise = super().draw(key, workers, batch_size)
        sign = jax.random.rademacher(jax.random.fold_in(key, 1), noise.shape).astype(noise.dtype)
        return features, noise * sign


MUTANTS = (
    ("gaussian", SumForMean),
    ("gaussian", NoLabelNoise),
    ("gaussian", DoubledGradient),
    ("gaussian", UnscaledFeatures),
    ("one_hot", CollisionsLost),
    ("one_hot", UniformCoordinates),
    ("finite_sample", WithoutReplacement),
    ("finite_sample", ShuffledResiduals),
)
for _, _mutant in MUTANTS:
    sampling.register(_mutant)


def test_samplers_of_two_classes_never_share_a_compiled_program():
    kinds = [sampling.sampler_of(PROBLEMS["finite_sample"][0])]
    fields = {f.name: getattr(kinds[0], f.name) for f in dataclasses.fields(kinds[0])}
    kinds += [WithoutReplacement(**fields), ShuffledResiduals(**fields)]
    structures = [jax.tree.structure(kind) for kind in kinds]
    assert len(structures) == 3
    assert all(a != b for i, a in enumerate(structures) for b in structures[:i])
    assert all(type(jax.tree.map(lambda leaf: leaf, kind)) is type(kind) for kind in kinds)


@pytest.mark.long
@first_quick(("name", "mutant"), MUTANTS)
def test_a_wrong_simulator_is_more_than_4_standard_errors_away(monkeypatch, name, mutant):
    problem, rate = PROBLEMS[name]
    right = sampling.sampler_of(problem)
    wrong = mutant(**{field.name: getattr(right, field.name) for field in dataclasses.fields(right)})
    risk, _ = exact(problem, rate, 4)

    def distance(sampler):
        monkeypatch.setattr(sampling, "sampler_of", lambda _: sampler)
        risks = simulate.sgd(problem, np.ones(3), rate, 4, STEPS, RUNS, key=jax.random.key(4))
        return errors_away(simulate.estimate(risks), risk)

    assert distance(right) < 4.0
    assert not distance(wrong) < 4.0


@pytest.mark.long
def test_the_same_batch_at_every_step_is_more_than_4_standard_errors_away(monkeypatch):
    problem, rate = PROBLEMS["gaussian"]
    step_keys = scan.step_keys
    monkeypatch.setattr(scan, "step_keys", lambda key, numbers: step_keys(key, 0 * numbers))
    spread.forget()
    risks = simulate.sgd(problem, np.ones(3), rate, 4, STEPS, RUNS, key=jax.random.key(4))
    spread.forget()
    assert errors_away(simulate.estimate(risks), exact(problem, rate, 4)[0]) > 4.0


@pytest.mark.long
def test_a_batch_drawn_in_parts_is_a_batch(monkeypatch):
    problem, rate = PROBLEMS["gaussian"]
    monkeypatch.setattr(scan, "NUMBERS_AT_ONCE", 1)  # parts of as few rows as there may be
    assert scan.rows_at_once(sampling.sampler_of(problem), 48) == 16
    risks = simulate.sgd(problem, np.ones(3), 4 * rate, 48, STEPS, RUNS, key=jax.random.key(12))
    assert agrees(simulate.estimate(risks), exact(problem, 4 * rate, 48)[0])
    assert errors_away(simulate.estimate(risks), exact(problem, 4 * rate, 16)[0]) > 4.0


def test_a_batch_size_without_a_good_divisor_is_drawn_whole(monkeypatch):
    monkeypatch.setattr(scan, "NUMBERS_AT_ONCE", 3 * 20)
    sampler = sampling.sampler_of(PROBLEMS["gaussian"][0])
    rows = [scan.rows_at_once(sampler, size) for size in (3, 20, 29, 40, 32, 58, 84)]
    assert rows == [3, 20, 29, 20, 16, 58, 14]
    for whole in ("one_hot", "without_replacement"):
        assert scan.rows_at_once(sampling.sampler_of(PROBLEMS[whole][0]), 80) == 80
