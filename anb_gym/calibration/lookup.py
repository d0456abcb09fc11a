"""Calibrations of rewards: recorded, or measured when they are first needed."""

from __future__ import annotations

from dataclasses import replace

from anb_gym.calibration.bounded import bounded_calibration
from anb_gym.calibration.measuring import (
    Calibration,
    calibrate,
    certified_optimum,
    checksums,
    describe,
    objective_of,
)
from anb_gym.calibration.records import WORLDS_FILE, own_file, read_records, records
from anb_gym.rewards import Bounded, Reward
from anb_gym.space import SPACE, Architecture
from anb_gym.surrogates.worlds import split_world


def calibration(reward: Reward, surrogate: str) -> Calibration:
    """The calibration of a reward: the recorded one, or else one measured now.

    That of :class:`~anb_gym.rewards.Bounded` is of the architectures that meet its bound.

    Args:
        reward: Any scalar reward.
        surrogate: Family of the surrogates.

    Raises:
        ValueError: All architectures have the same reward, or it is not finite, or none meets its bound.
        NoFrontError: Its bound needs the exact front, and there is none for this surrogate.
    """
    if isinstance(reward, Bounded):
        return bounded_calibration(reward, surrogate)
    return _recorded(reward, surrogate) or calibrate(reward, surrogate)


def certified_calibration(reward: Reward, surrogate: str) -> Calibration | None:
    """The calibration of a reward if its optimum is certified, else None without measuring anything.

    In a world whose scales are not recorded the optimum is searched for, where the extra ``exact`` is installed.

    Args:
        reward: Any scalar reward.
        surrogate: Name of the surrogate.
    """
    if split_world(surrogate)[1] is not None and (known := _recorded(reward, surrogate)):
        return known if known.certified else None
    return None if certified_optimum(reward, surrogate) is None else calibration(reward, surrogate)


def _recorded(reward: Reward, surrogate: str) -> Calibration | None:
    """The calibration that a file records of these tables; None if there is none."""
    description, tables = describe(reward), checksums(reward, surrogate)
    of_mean = split_world(surrogate)[1] is None
    for record in (records(reward.metrics) if of_mean else read_records(own_file(WORLDS_FILE))).values():
        if record["reward"] == description and record["tables"] == tables:
            known = Calibration(**record["calibration"])
            # Powers may differ in the last bit between machines; the best architecture has exactly 1 on each.
            states = SPACE.to_states(Architecture.parse(known.architecture).choices[None])
            return replace(known, best=float(objective_of(reward, surrogate)(states)[0]))
    return None
