"""Scales of rewards and hypervolumes: random mean, optimum, ideal, nadir and reference point.

``tasks.json`` records the first two for every task's default reward on the default
surrogate, with the checksums of the tables they were measured on, and the other
three for every task with two metrics; a device from a folder has such a file of
its own. :func:`write_records` writes them. Anything else is measured when it is
first needed, once per process.

Accuracy under a bound has a scale of its own (:class:`~anb_gym.rewards.Bounded`): the random mean and the optimum are
of the architectures that meet the bound, which a weighted sample shows however few they are.

The optimum is certified where the reward is monotone and the surrogate's exact
front ships: then no architecture of the space has a larger reward, as the
surrogate sees it. It is the surrogate's optimum, not reality's. Otherwise it is
the best that coordinate ascent finds.
"""

from anb_gym.calibration.bounded import LEAST, BoundedCalibration, BoundedLevel, bounded_level
from anb_gym.calibration.lookup import calibration, certified_calibration
from anb_gym.calibration.measuring import (
    MEASURING,
    N_RANDOM,
    N_RESTARTS,
    SEED,
    Calibration,
    Level,
    calibrate,
    certified_optimum,
    coordinate_ascent,
    random_metrics,
)
from anb_gym.calibration.recording import measure_front, tasks_of, write_records, write_world_records
from anb_gym.calibration.records import (
    FILE,
    WORLDS_FILE,
    CalibrationError,
    FrontScale,
    Resolution,
    front_scale,
    is_recorded,
    own_file,
    read_records,
    record_name,
    records,
    resolution_of,
)
from anb_gym.calibration.tail import TailSample, tail_sample

__all__ = [
    "FILE",
    "LEAST",
    "MEASURING",
    "N_RANDOM",
    "N_RESTARTS",
    "SEED",
    "WORLDS_FILE",
    "BoundedCalibration",
    "BoundedLevel",
    "Calibration",
    "CalibrationError",
    "FrontScale",
    "Level",
    "Resolution",
    "TailSample",
    "bounded_level",
    "calibrate",
    "calibration",
    "certified_calibration",
    "certified_optimum",
    "coordinate_ascent",
    "front_scale",
    "is_recorded",
    "measure_front",
    "own_file",
    "random_metrics",
    "read_records",
    "record_name",
    "records",
    "resolution_of",
    "tail_sample",
    "tasks_of",
    "write_records",
    "write_world_records",
]
