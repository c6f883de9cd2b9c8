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


def every_batch(
    features, targets, start, rate, batch_size, steps, replacement=True, momentum=0.0, nesterov=False
):
    """Bias and risk after 0 .. steps steps by running SGD on every possible sequence of batches."""
    rows = len(features)
    solution = np.linalg.lstsq(features, targets, rcond=None)[0]
    mean = features.T @ features / rows
    draws = itertools.product(range(rows), repeat=batch_size)
    if not replacement:
        draws = itertools.combinations(range(rows), batch_size)
    draws = [list(draw) for draw in draws]
    runs = [(solution + start, np.zeros(len(start)))]
    bias, risk = [], []
    for step in range(steps + 1):
        errors = np.array([weights for weights, _ in runs]) - solution
        bias.append(0.5 * errors.mean(0) @ mean @ errors.mean(0))
        risk.append(0.5 * np.mean(np.einsum("ki,ij,kj->k", errors, mean, errors)))
        if step < steps:
            after = []
            for weights, velocity in runs:
                point = weights + momentum * velocity if nesterov else weights
                for draw in draws:
                    slope = features[draw].T @ (features[draw] @ point - targets[draw]) / batch_size
                    faster = momentum * velocity - rate * slope
                    after.append((weights + faster, faster))
            runs = after
    return np.array(bias), np.array(risk)


def momentum_step(points, weights, rate, factor, momentum, nesterov):
    """One step of E (error, velocity)^2, a (2 d)^2 x (2 d)^2 matrix; of the mean; and where noise enters."""
    one = np.eye(points.shape[1])
    ahead = momentum if nesterov else 0.0
    at = np.hstack([one, ahead * one])  # where the gradient is taken
    velocity = np.hstack([0 * one, momentum * one]) - rate * hessian(points, weights) @ at
    step = np.vstack([np.hstack([one, 0 * one]) + velocity, velocity])
    into = np.vstack([one, one])
    scatter = np.kron(into, into) @ excess(points, weights) @ np.kron(at, at)
    return np.kron(step, step) + rate**2 * factor * scatter, step, into


def momentum_radius(points, weights, rate, factor, momentum, nesterov):
    """Spectral radius of that matrix."""
    step = momentum_step(points, weights, rate, factor, momentum, nesterov)[0]
    return float(np.max(np.abs(np.linalg.eigvals(step))))


def risks(points, weights, noise_variance, start, rate, factor, steps, momentum=0.0, nesterov=False):
    """Bias and risk after 0 .. steps steps, with noise independent of the features."""
    lifted, step, into = momentum_step(points, weights, rate, factor, momentum, nesterov)
    mean = hessian(points, weights)
    error = np.append(start, np.zeros(len(start)))
    second, size = np.outer(error, error).ravel(), len(start)
    noise = rate**2 * factor * noise_variance * (into @ mean @ into.T).ravel()
    bias, risk = [], []
    for _ in range(steps + 1):
        bias.append(0.5 * error[:size] @ mean @ error[:size])
        risk.append(0.5 * np.sum(mean * second.reshape(2 * size, -1)[:size, :size]))
        error, second = step @ error, lifted @ second + noise
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
