"""One machine or a cluster, data and model parallelism, notebooks 02 and 03: costs, devices, processes."""
