"""Mini-batch SGD the slow way: atoms, Kronecker products, all batches; shares nothing with lecturelib."""

import itertools

import numpy as np
import scipy.linalg


def gaussian_atoms(eigenvalues):
    """3^d weighted points with the moments of N(0, diag(eigenvalues)) up to order five (Gauss-Hermite)."""
    nodes, weights = np.sqrt(3.0) * np.array([-1.0, 0.0, 1.0]), np.array([1.0, 4.0, 1.0]) / 6.0
    points = np.array(list(itertools.product(nodes, repeat=len(eigenvalues)))) * np.sqrt(eigenvalues)
    return points, np.array([np.prod(w) for w in itertools.product(weights, repeat=len(eigenvalues))])


def one_hot_atoms(probabilities):
    """The unit vectors and how often each is drawn."""
    return np.eye(len(probabilities)), np.asarray(probabilities, dtype=float)


def hessian(points, weights):
    """E xx'."""
    return np.einsum("k,ki,kj->ij", weights, points, points)


def excess(points, weights):
    """E[(xx') (x) (xx')] - H (x) H, a d^2 x d^2 matrix: how much one batch of one example scatters."""
    mean = hessian(points, weights)
    fourth = sum(w * np.kron(np.outer(x, x), np.outer(x, x)) for x, w in zip(points, weights, strict=True))
    return fourth - np.kron(mean, mean)


def max_rate(points, weights, factor):
    """The rate at which the largest eigenvalue of one step of the second moment becomes one."""
    mean, one = hessian(points, weights), np.eye(points.shape[1])
    grows = factor * excess(points, weights) + np.kron(mean, mean)
    decays = np.kron(mean, one) + np.kron(one, mean)
    return 1.0 / scipy.linalg.eigh(grows, decays, eigvals_only=True)[-1]


def risks(points, weights, noise_variance, start, rate, factor, steps):
    """Bias and risk after 0 .. steps steps, with noise independent of the features."""
    mean = hessian(points, weights)
    shrink = np.eye(len(start)) - rate * mean
    step = np.kron(shrink, shrink) + rate**2 * factor * excess(points, weights)
    error, second = np.array(start, dtype=float), np.outer(start, start).ravel()
    bias, risk = [], []
    for _ in range(steps + 1):
        bias.append(0.5 * error @ mean @ error)
        risk.append(0.5 * mean.ravel() @ second)
        error, second = shrink @ error, step @ second + rate**2 * factor * noise_variance * mean.ravel()
    return np.array(bias), np.array(risk)


def every_batch(features, targets, start, rate, batch_size, steps, replacement=True):
    """Bias and risk after 0 .. steps steps by running SGD on every possible sequence of batches."""
    rows = len(features)
    solution = np.linalg.lstsq(features, targets, rcond=None)[0]
    mean = features.T @ features / rows
    draws = itertools.product(range(rows), repeat=batch_size)
    if not replacement:
        draws = itertools.combinations(range(rows), batch_size)
    draws = [list(draw) for draw in draws]
    weights = [solution + start]
    bias, risk = [], []
    for step in range(steps + 1):
        errors = np.array(weights) - solution
        bias.append(0.5 * errors.mean(0) @ mean @ errors.mean(0))
        risk.append(0.5 * np.mean(np.einsum("ki,ij,kj->k", errors, mean, errors)))
        if step < steps:
            weights = [
                w - rate * features[draw].T @ (features[draw] @ w - targets[draw]) / batch_size
                for w in weights
                for draw in draws
            ]
    return np.array(bias), np.array(risk)


def delayed_radius(points, weights, rate, factor, delay):
    """Spectral radius of one step of the second moment of (w_t, ..., w_(t-delay)) under delayed gradients."""
    d = points.shape[1]
    size = d * (delay + 1)
    step = np.zeros((size, size))
    step[:d, :d] = np.eye(d)
    step[:d, -d:] -= rate * hessian(points, weights)
    step[d:, :-d] += np.eye(d * delay)
    into = np.zeros((size, d))
    into[:d] = np.eye(d)
    from_oldest = np.zeros((d, size))
    from_oldest[:, -d:] = np.eye(d)
    scatter = np.kron(into, into) @ excess(points, weights) @ np.kron(from_oldest, from_oldest)
    return float(np.max(np.abs(np.linalg.eigvals(np.kron(step, step) + rate**2 * factor * scatter))))
