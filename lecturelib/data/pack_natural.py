"""Work out the table of natural problems in notebook 08: `lecturelib/data/natural.json`. About four minutes.

::

    make benchmark ONLY=hogwild      # makes an environment with scikit-learn, whose two tables are used
    build/benchmark/peers/bin/python lecturelib/data/pack_natural.py lecturelib/data/natural.json

Every problem is to tell two classes apart, y = 1 or -1, by the square loss without a bias, on rows of length
one. Noise scales and batch sizes are those of `lecture batch-size`: at the start, w = 0, and where the
recommended batch arrives at a tenth of the first excess loss.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from scipy import sparse

from lecturelib import datasets
from lecturelib.advice.planning import plan
from lecturelib.advice.preparation import Features
from lecturelib.advice.reduction import moments

GOAL, PRICE = 0.1, 2.0
IMAGES = 3000
Problem = tuple[str, Features, np.ndarray]


def unit(rows: Features) -> tuple[Features, np.ndarray]:
    """Rows of length one, and which rows they are; a row of zeros is left out."""
    rows = sparse.csr_array(rows) if sparse.issparse(rows) else np.asarray(rows)
    length = np.sqrt((rows**2).sum(axis=1))
    kept = np.flatnonzero(length)
    if sparse.issparse(rows):
        return sparse.csr_array(sparse.diags_array(1 / length[kept]) @ rows[kept]), kept
    return rows[kept] / length[kept, None], kept


def images() -> Iterator[Problem]:
    """Is it a 0? Pixels as they are and less their means; 500 random ReLU features of these, likewise."""
    mnist = datasets.mnist()
    pixels = mnist.train_images[:IMAGES].reshape(IMAGES, -1) / 255.0
    centred = pixels - pixels.mean(axis=0)
    weights = np.random.default_rng(0).standard_normal((pixels.shape[1], 500))
    hidden = np.maximum(unit(centred)[0] @ weights, 0)
    is_zero = np.where(mnist.train_labels[:IMAGES] == 0, 1.0, -1.0)
    yield "MNIST, raw pixels", pixels, is_zero
    yield "MNIST, centred", centred, is_zero
    yield "MNIST, random ReLU features", hidden, is_zero
    yield "the same, centred", hidden - hidden.mean(axis=0), is_zero


def texts() -> Iterator[Problem]:
    """Does the gloss define a noun? All words, without stop words, and these by their rarity."""
    for name, text in (("all words", datasets.wordnet(True)), ("no stop words", datasets.wordnet())):
        yield f"WordNet, {name}", text.features, text.labels.astype(float)
    rarity = -np.log(np.bincount(text.features.indices) / text.features.shape[0])
    yield "WordNet, tf-idf", text.features @ sparse.diags_array(rarity), text.labels.astype(float)


def tables() -> Iterator[Problem]:
    """Is the tumour benign, the wine of the first grower? Centred columns over their deviations."""
    from sklearn.datasets import load_breast_cancer, load_wine  # no dependency of the lecture

    for name, read, positive in (("table: tumours", load_breast_cancer, 1), ("table: wines", load_wine, 0)):
        columns, labels = read(return_X_y=True)
        columns = (columns - columns.mean(axis=0)) / columns.std(axis=0)
        yield name, columns, np.where(labels == positive, 1.0, -1.0)


def row(features: Features, labels: np.ndarray) -> dict[str, float]:
    """Critical batch size, noise scale at the start and at the goal, recommended batch and its steps."""
    rows, kept = unit(features)
    found = plan(moments(rows, labels[kept]), goal=GOAL, price=PRICE, rows=len(kept))
    best, at_goal = found.best, found.noise_scale_goal
    if best is None or at_goal is None:
        raise ValueError("no batch size reaches the goal")
    return {
        "features": rows.shape[1],
        "critical": round(found.critical_batch_size, 1),
        "noise scale at the start": float(f"{found.noise_scale_start:.3g}"),
        "noise scale at the goal": float(f"{at_goal:.3g}"),
        "recommended": best.batch_size,
        "steps": best.steps,
    }


@click.command()
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
def main(output: Path) -> None:
    """Write the table into OUTPUT."""
    found = {name: row(*rest) for part in (images, texts, tables) for name, *rest in part()}
    output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    click.echo(f"{output}: {len(found)} problems")


if __name__ == "__main__":
    main()
