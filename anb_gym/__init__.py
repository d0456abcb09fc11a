"""Neural architecture search on real accelerator measurements, as Gymnasium environments.

``gym.make("anb_gym:AccelNAS-VCK190-v0")`` makes an environment;
:class:`Benchmark` scores any architecture of the search space directly.
All modules of the package are there once it is imported: each is loaded when it is first named.
"""

from anb_gym import envs as _envs  # noqa: F401 - registers the environment ids
from anb_gym._lazy import submodules as _submodules
from anb_gym.benchmark import Benchmark
from anb_gym.envs.families import make_problem
from anb_gym.noise import Noise
from anb_gym.space import EFFICIENTNET_B0, SPACE, Architecture

__version__ = "0.1.0"

__all__ = ["EFFICIENTNET_B0", "SPACE", "Architecture", "Benchmark", "Noise", "__version__", "make_problem"]

__getattr__, __dir__ = _submodules(__name__, elsewhere=("agents", "baselines", "configs"))
