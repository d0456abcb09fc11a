"""The benchmark on arrays of other libraries: PyTorch's and JAX's."""
