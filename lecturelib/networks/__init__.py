"""A neural network on MNIST, notebook 09: training grids, the full study, scaling, the noise scale."""
