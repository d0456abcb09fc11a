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
from anb_gym.calibration.records import records
from anb_gym.rewards import Bounded, Reward
from anb_gym.space import SPACE, Architecture


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
    description, tables = describe(reward), checksums(reward, surrogate)
    for record in records(reward.metrics).values():
        if record["reward"] == description and record["tables"] == tables:
            known = Calibration(**record["calibration"])
            # Powers may differ in the last bit between machines; the best architecture has exactly 1 on each.
            states = SPACE.to_states(Architecture.parse(known.architecture).choices[None])
            return replace(known, best=float(objective_of(reward, surrogate)(states)[0]))
    return calibrate(reward, surrogate)


def certified_calibration(reward: Reward, surrogate: str) -> Calibration | None:
    """The calibration of a reward if its optimum is certified, else None without measuring anything.

    Args:
        reward: Any scalar reward.
        surrogate: Family of the surrogates.
    """
    return None if certified_optimum(reward, surrogate) is None else calibration(reward, surrogate)
