"""The pipeline that builds the benchmark, step by step. Anybody can add a device or a data set.

==================  ==================================================================
module              what it has
==================  ==================================================================
``schemes``         training schemes: the proxy, the reference, and one's own
``network``         an architecture as a PyTorch module
``data``            folders of images, and digits
``training``        trains a network by a scheme
``units``           a training as a unit of work; ``trainer`` carries it out, ``executors`` say where
``proxy_search``    the search for a cheap scheme that keeps the ranking
``collection``      accuracies and measurements of devices, record by record
``dataset``         the published records, and collected ones
``families``        regression models that surrogates are fitted from
``tuning``          their hyperparameters
``fitting``         fits and folds them into the tables of :mod:`anb_gym.surrogates`
``device_folder``   a device of one's own, from what was collected
==================  ==================================================================

Nothing here is imported at run time: only the command line names it. Fitting needs ``pip install 'anb_gym[fit]'``, the
rest ``anb_gym[construction]``.
"""

from typing import TYPE_CHECKING

from anb_gym._lazy import submodules

if TYPE_CHECKING:
    from anb_gym.construction.dataset import Dataset, load_dataset
    from anb_gym.construction.device_folder import create_device
    from anb_gym.construction.fitting import Job, fit_all
    from anb_gym.construction.network import build_network
    from anb_gym.construction.schemes import Scheme, load_scheme
    from anb_gym.construction.training import train
    from anb_gym.construction.tuning import tune_all

__all__ = [
    "Dataset",
    "Job",
    "Scheme",
    "build_network",
    "create_device",
    "fit_all",
    "load_dataset",
    "load_scheme",
    "train",
    "tune_all",
]

_NAMES = {
    "dataset": ("Dataset", "load_dataset"),
    "device_folder": ("create_device",),
    "fitting": ("Job", "fit_all"),
    "network": ("build_network",),
    "schemes": ("Scheme", "load_scheme"),
    "training": ("train",),
    "tuning": ("tune_all",),
}
__getattr__, __dir__ = submodules(__name__, "construction", names=_NAMES)
