"""The MNIST grid against PyTorch: same networks, same batches, same final losses; the times compared.

    pip install -e . torch==2.13.0      # in an environment of its own; the project does not need torch
    python benchmarks/mnist_grid.py     # --brief for a look in a few minutes; --json FILE

Contenders: `lecturelib.mlp.train_grid`; idiomatic PyTorch (DataLoader, nn.Sequential, optim.SGD); PyTorch
without a DataLoader (images uint8 in one tensor, parameters updated in place). Each PyTorch loop gets the
thread count that does better in a short trial. Rounds alternate between the contenders; the table has medians
over the rounds. A ratio is PyTorch's time over ours, first with our compilation in every grid, then without.
"""

import argparse
import functools
import os
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np
import torch
from record import record, save
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from lecturelib import datasets, mlp, spread

EVALUATED = 200
HIDDEN = 300


def torch_model(seed):
    params = mlp.initial_params(784, HIDDEN, seed=seed)
    model = nn.Sequential(nn.Linear(784, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10))
    with torch.no_grad():
        for layer, (weights, bias) in zip((model[0], model[2]), (params[:2], params[2:]), strict=True):
            layer.weight.copy_(torch.from_numpy(weights.T.copy()))
            layer.bias.copy_(torch.from_numpy(bias))
    return model


def idiomatic(tensors, rate, batches, seed):
    images, labels = tensors["float"], tensors["labels"]
    model = torch_model(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    loader = DataLoader(TensorDataset(images, labels), batch_sampler=batches.tolist())
    for x, y in loader:
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model


def without_loader(tensors, rate, batches, seed):
    images, labels = tensors["uint8"], tensors["labels"]
    model = torch_model(seed)
    params = list(model.parameters())
    for chosen in torch.from_numpy(batches).long():
        hidden = functional.linear(images[chosen].float() / 255, params[0], params[1]).relu()
        value = functional.cross_entropy(functional.linear(hidden, params[2], params[3]), labels[chosen])
        torch._foreach_add_([p.data for p in params], torch.autograd.grad(value, params), alpha=-rate)
    return model


def torch_grid(train, tensors, rates, batch_size, seeds, steps):
    """Final losses, shape (rates, seeds), on the images that train_grid measures on."""
    chosen = np.linspace(0, len(tensors["labels"]) - 1, EVALUATED).astype(int)
    losses = np.empty((len(rates), len(seeds)))
    for s, seed in enumerate(seeds):
        batches = mlp.draw_batches(len(tensors["labels"]), steps, batch_size, seed=seed)
        for r, rate in enumerate(rates):
            model = train(tensors, float(rate), batches, seed)
            with torch.no_grad():
                losses[r, s] = functional.cross_entropy(
                    model(tensors["float"][chosen]), tensors["labels"][chosen]
                )
    return losses


def best_threads(train, tensors, grid):
    rates, batch_size, _, steps = grid
    trial = (rates[:1], batch_size, [0], min(steps, 50))

    def duration(count):
        torch.set_num_threads(count)
        return min(timed(torch_grid, train, tensors, *trial)[0] for _ in range(2))

    return min({1, os.cpu_count()}, key=duration)


def our_grid(data, rates, batch_size, seeds, steps):
    run = mlp.train_grid(
        data, rates, batch_size, seeds, steps=steps, hidden=HIDDEN, checkpoints=1, evaluation_size=EVALUATED
    )
    return run.train_loss[..., -1]


def products(batch_size, images, steps, _):
    """The five matrix products of an update and nothing else; each feeds the next, so none is left out."""
    back = jnp.full((batch_size, 10), 1e-3)

    def update(_, weights):
        hidden = images @ weights[0]
        return images.T @ (back @ weights[1].T), hidden.T @ (back + hidden @ weights[1])

    return jax.lax.fori_loop(
        0, steps, update, (jnp.ones((784, HIDDEN)) / 784, jnp.ones((HIDDEN, 10)) / HIDDEN)
    )


def percent_of_peak(data, rates, batch_size, seeds, rounds):
    """Time of the products alone, in percent of the training's time, each round; all cores, compiled."""
    steps = max(8, 16384 // batch_size)  # long enough for what is done once a run not to matter
    program = functools.partial(products, batch_size)
    shared = (np.full((batch_size, 784), 1e-3, np.float32), np.int32(steps))
    runs = [(np.float32(i),) for i in range(len(rates) * len(seeds))]
    share = []
    for _ in range(rounds + 1):
        alone = timed(spread.spread, program, shared, runs)[0]
        share.append(alone / timed(our_grid, data, rates, batch_size, seeds, steps)[0])
    return [100 * each for each in share[1:]]


def timed(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--brief", action="store_true", help="4 batch sizes, 4 rates, 1 seed, 2,000 images a run"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", metavar="FILE", help="keep the figures there")
    options = parser.parse_args()
    batch_sizes = [1, 8, 128, 1024] if options.brief else [2**k for k in range(12)]
    # Low, so that training does not amplify rounding: at 0.02, single images carry it to 3 % of the loss.
    rates = np.geomspace(0.0005, 0.005, 4 if options.brief else 8)
    seeds = [0] if options.brief else [0, 1]
    samples = 2000 if options.brief else 7500

    data = datasets.mnist()
    flat = torch.from_numpy(data.train_images.reshape(-1, 784).copy())
    labels = torch.from_numpy(data.train_labels.astype(np.int64))
    tensors = {"uint8": flat, "float": flat.float() / 255, "labels": labels}
    peers = {"PyTorch, DataLoader": idiomatic, "PyTorch, no DataLoader": without_loader}

    names = ["ours, compiling", "ours", *peers]
    print(
        f"{len(rates)} rates x {len(seeds)} seeds, {samples} images a run, {os.cpu_count()} cores; seconds\n"
    )
    print("| batch size | " + " | ".join(names) + " | ratio | ratio, no DataLoader | % of peak |")
    print("|---:" * (len(names) + 4) + "|")
    totals, peaks = dict.fromkeys(names, 0.0), {}
    sums = {name: [0.0] * options.rounds for name in names}
    sizes = f"{len(rates)} rates x {len(seeds)} seeds, {samples:,} images a run"
    for batch_size in batch_sizes:
        steps = max(1, samples // batch_size)
        grid = (rates, batch_size, seeds, steps)
        seconds = {name: [] for name in names}
        threads = {name: best_threads(train, tensors, grid) for name, train in peers.items()}
        for _ in range(options.rounds):
            spread.forget()
            for name in names[:2]:
                duration, ours = timed(our_grid, data, *grid)
                seconds[name].append(duration)
            for name, train in peers.items():
                torch.set_num_threads(threads[name])
                duration, theirs = timed(torch_grid, train, tensors, *grid)
                seconds[name].append(duration)
                # rounding, 1e-7 an update, carried through all updates of a stable run
                np.testing.assert_allclose(ours, theirs, rtol=1e-5 + 1e-7 * steps, err_msg=name)
        record(f"MNIST grid, batches of {batch_size:,}, {sizes}", {n: seconds[n] for n in names[1:]})
        sums = {name: [sum(x) for x in zip(sums[name], seconds[name], strict=True)] for name in names}
        medians = {name: statistics.median(values) for name, values in seconds.items()}
        totals = {name: totals[name] + medians[name] for name in names}
        if batch_size >= 128:
            peaks[f"batches of {batch_size:,}"] = percent_of_peak(
                data, rates, batch_size, seeds, options.rounds
            )
        shown = peaks.get(f"batches of {batch_size:,}")
        print_row(batch_size, medians, peers, f"{statistics.median(shown):.0f}" if shown else "")
    print_row("all", totals, peers, "")
    everything = {name: sums[name] for name in ("ours", *peers, "ours, compiling")}
    record(f"MNIST grid, all batch sizes, {sizes}", everything)
    record("matrix products alone, of the training's time", peaks, unit="%")
    save(options.json)


def print_row(label, seconds, peers, peak):
    ours = seconds["ours, compiling"], seconds["ours"]
    ratios = [" / ".join(f"{seconds[name] / own:.1f}" for own in ours) for name in peers]
    cells = [label, *(f"{value:.2f}" for value in seconds.values()), *ratios, peak]
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
