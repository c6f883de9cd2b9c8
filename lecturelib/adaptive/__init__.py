"""Adaptive gradient methods, notebook 01: the optimizers, and the problems on which they win and fail."""

from lecturelib.adaptive.optimizers import adagrad, adam, amsgrad, full_matrix_adagrad, one_step, rmsprop

__all__ = ["adagrad", "adam", "amsgrad", "full_matrix_adagrad", "one_step", "rmsprop"]
