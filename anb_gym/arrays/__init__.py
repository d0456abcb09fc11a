"""The benchmark on arrays of other libraries: PyTorch's and JAX's.

:class:`anb_gym.arrays.tables.Tables` is what :meth:`anb_gym.Benchmark.to_torch` and ``to_jax`` make.
"""

from anb_gym._lazy import submodules

__getattr__, __dir__ = submodules(__name__)
