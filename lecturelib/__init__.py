"""The support package of the executable lecture "Optimization for Big Data".

Convention everywhere: the loss is L(w) = 1/2 E (y - x'w)^2, a gradient is the mean (not the sum) over the
batch, and a batch size is the global one.
"""

__version__ = "0.1.0"
