"""A thousand small networks: 784-100-10, one epoch of MNIST each, ten learning rates and a hundred seeds.

    pip install -e . torch==2.13.0 scikit-learn    # in an environment of its own
    python benchmarks/thousand_networks.py    # --brief: forty networks, a tenth of an epoch; --json FILE

Users ask for this of `jax.vmap` (jax-ml/jax#15339, #26568). All contenders make the same updates, batches
of 16 at constant rates; PyTorch's and JAX's from the same weights with the same images, and their test
errors are held to ours. scikit-learn draws its own. We train all thousand; the others train four for an
eighth of an epoch, and what is recorded is seconds a network and epoch with all cores in use. First comes
how long an image takes on one core at each batch size, by the engine that skips zeros and by JAX's program
in turns, 784-300-10.
"""

import argparse
import itertools
import os
import time

import numpy as np
import torch
from record import in_turn, record, save
from sklearn.neural_network import MLPClassifier
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional

from lecturelib import datasets, mlp

HIDDEN, BATCH = 100, 16
RATES = np.geomspace(0.04, 0.4, 10)
MEASURED = (100, 2500)  # training and test images, evenly spaced


def ours(data, rates, seeds, steps, **engine):
    options = {"steps": steps, "hidden": HIDDEN, "checkpoints": 1, "evaluation_size": MEASURED}
    return mlp.train_grid(data, rates, BATCH, seeds, **options, **engine).test_error[..., -1]


def torch_network(seed):
    params = mlp.initial_params(784, HIDDEN, seed=seed)
    model = torch.nn.Sequential(torch.nn.Linear(784, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 10))
    with torch.no_grad():
        for layer, weights, bias in ((model[0], *params[:2]), (model[2], *params[2:])):
            layer.weight.copy_(torch.from_numpy(np.array(weights.T)))
            layer.bias.copy_(torch.from_numpy(np.array(bias)))
    return model


def torch_error(model, test):
    with torch.no_grad():
        return float((model(test[0]).argmax(1) != test[1]).float().mean())


def torch_loop(tensors, rates, seeds, steps):
    """One network after the other, as one writes it without a DataLoader."""
    images, labels, test = tensors
    errors = np.empty((len(rates), len(seeds)))
    for (r, rate), (s, seed) in itertools.product(enumerate(rates), enumerate(seeds)):
        model = torch_network(seed)
        optimizer = torch.optim.SGD(model.parameters(), lr=float(rate))
        for chosen in torch.from_numpy(mlp.draw_batches(len(labels), steps, BATCH, seed=seed)).long():
            optimizer.zero_grad()
            functional.cross_entropy(model(images[chosen]), labels[chosen]).backward()
            optimizer.step()
        errors[r, s] = torch_error(model, test)
    return errors


def torch_vmap(tensors, rates, seeds, steps):
    """All networks in lockstep, by torch.func."""
    images, labels, test = tensors
    pairs = [(rate, seed) for rate in rates for seed in seeds]
    models = [torch_network(seed) for _, seed in pairs]
    params, _ = stack_module_state(models)
    params = {name: value.detach() for name, value in params.items()}
    rate = torch.tensor([float(rate) for rate, _ in pairs])
    batches = torch.from_numpy(
        np.stack([mlp.draw_batches(len(labels), steps, BATCH, seed=seed) for _, seed in pairs], axis=1)
    ).long()

    def loss(params, x, y):
        return functional.cross_entropy(functional_call(models[0], params, (x,)), y)

    gradient = vmap(grad(loss))
    for chosen in batches:
        slopes = gradient(params, images[chosen], labels[chosen])
        for name, value in params.items():
            value -= rate.view(-1, *[1] * (value.ndim - 1)) * slopes[name]
    errors = []
    for i, model in enumerate(models):
        model.load_state_dict({name: value[i] for name, value in params.items()})
        errors.append(torch_error(model, test))
    return np.reshape(errors, (len(rates), len(seeds)))


def scikit_learn(flat, labels, test, rate, steps):
    model = MLPClassifier(
        (HIDDEN,), solver="sgd", alpha=0, batch_size=BATCH, learning_rate_init=float(rate), momentum=0
    )
    used = slice(0, min(len(labels), steps * BATCH))
    model.partial_fit(flat[used], labels[used], classes=np.arange(10))  # one pass, shuffled
    return 1 - model.score(*test)


def timed(function, *arguments, **options):
    begin = time.perf_counter()
    result = function(*arguments, **options)
    return time.perf_counter() - begin, result


def an_image(data, sizes, rounds):
    """Microseconds an image and core at each batch size, measured on all cores at once."""
    cores = os.cpu_count()
    for size in sizes:
        steps, seeds = max(1, 8192 // size), list(range(cores))
        options = {"steps": steps, "checkpoints": 1, "evaluation_size": 1}
        calls = {
            name: lambda name=name, size=size, options=options, seeds=seeds: mlp.train_grid(
                data, [1e-3], size, seeds, engine=name, **options
            )
            for name in ("skip-zeros", "jax")
        }
        seconds = in_turn(calls, rounds)
        each = {name: [1e6 * s / (steps * size) for s in values] for name, values in seconds.items()}
        record(f"an image and core, 784-300-10, batches of {size:,}", each, unit="microseconds")
        print(
            f"batches of {size:5,}: " + ", ".join(f"{n} {np.median(v):.1f} us" for n, v in each.items()),
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--brief", action="store_true", help="forty networks, a tenth of an epoch")
    parser.add_argument("--json", metavar="FILE", help="keep the figures there")
    options = parser.parse_args()
    data = datasets.mnist()
    an_image(data, (1, 64, 2048) if options.brief else (1, 8, 32, 128, 512, 2048), 2 if options.brief else 5)

    steps, seeds = (375, range(4)) if options.brief else (3750, range(100))
    flat = data.train_images.reshape(-1, 784).astype(np.float32) / 255
    chosen = np.linspace(0, len(data.test_labels) - 1, MEASURED[1]).astype(int)
    test = data.test_images.reshape(-1, 784)[chosen].astype(np.float32) / 255, data.test_labels[chosen]
    tensors = (
        torch.from_numpy(flat),
        torch.from_numpy(data.train_labels.astype(np.int64)),
        (torch.from_numpy(test[0]), torch.from_numpy(test[1].astype(np.int64))),
    )
    seconds, errors = timed(ours, data, RATES, list(seeds), steps)
    print(
        f"{errors.size:,} networks in {seconds:.1f} s; the better half: {1 - np.median(errors):.2%} or more"
    )
    record(f"{errors.size:,} networks 784-100-10, {steps * BATCH:,} images each", {"ours": [seconds]})

    few, part = RATES[4:6], max(1, steps // 8)  # what the others can do in the time
    ours_few = ours(data, few, [0, 1], part)
    each = {"ours": seconds / errors.size}
    contenders = {
        "PyTorch, a loop": (torch_loop, tensors, few, [0, 1], part),
        "PyTorch, torch.func.vmap": (torch_vmap, tensors, few, [0, 1], part),
        "JAX, vmap": (ours, data, few, [0, 1], part),
    }
    for name, (function, *arguments) in contenders.items():
        engine = {"engine": "jax", "over": "devices"} if function is ours else {}
        if engine:
            function(*arguments, **engine)  # compiled before it is timed
        duration, found = timed(function, *arguments, **engine)
        # rounding moves a few of 2,500 images over the border between two classes
        np.testing.assert_allclose(found, ours_few, atol=5 / MEASURED[1], err_msg=name)
        each[name] = duration / found.size * steps / part
    duration, error = timed(scikit_learn, flat, data.train_labels, test, few[0], part)
    print(
        f"scikit-learn: test error {error:.3f} after {part * BATCH:,} images, ours {ours_few[0].mean():.3f}"
    )
    each["scikit-learn"] = duration * steps / part
    record(f"a network 784-100-10, {steps * BATCH:,} images", {name: [value] for name, value in each.items()})
    for name, value in each.items():
        print(f"{name:26} {value:8.3f} s a network, {value / each['ours']:6.1f} times ours")
    save(options.json)


if __name__ == "__main__":
    main()
