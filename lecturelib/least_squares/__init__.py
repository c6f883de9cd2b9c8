"""Mini-batch SGD on least squares, notebooks 04 to 08 and 12: exact theory, and SGD as it runs.

Convention: L(w) = 1/2 E (y - x'w)^2, the gradient is the mean over the batch, risk means excess risk,
L(w) - L(w*). Under L = E (y - x'w)^2, without the 1/2, every rate here halves and every risk doubles.

These names are the exact theory: NumPy in float64, nothing simulated. `plain` is SGD as a loop, `simulate`
(JAX) the same with many runs at once; theory and experiment never import each other.
"""

from lecturelib.least_squares.best_momentum import BestMomentum, best_momentum
from lecturelib.least_squares.critical_batch import CriticalBatchSizes, critical_batch_sizes
from lecturelib.least_squares.depth import Depth, depth
from lecturelib.least_squares.diagonal import Gaussian, OneHot, gaussian, one_hot
from lecturelib.least_squares.finite_sample import FiniteSample, finite_sample
from lecturelib.least_squares.problems import Problem, State
from lecturelib.least_squares.risk import NoiseFreeCurve, RiskCurve, noise_free_curve, risk_curve, steady_risk
from lecturelib.least_squares.stability import critical_batch_size, max_learning_rate

__all__ = [
    "BestMomentum",
    "CriticalBatchSizes",
    "Depth",
    "FiniteSample",
    "Gaussian",
    "NoiseFreeCurve",
    "OneHot",
    "Problem",
    "RiskCurve",
    "State",
    "best_momentum",
    "critical_batch_size",
    "critical_batch_sizes",
    "depth",
    "finite_sample",
    "gaussian",
    "max_learning_rate",
    "noise_free_curve",
    "one_hot",
    "risk_curve",
    "steady_risk",
]
