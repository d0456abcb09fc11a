"""Studies that commands run, or need."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from anb_gym import configs
from anb_gym._extras import needing

if TYPE_CHECKING:
    from anb_gym.study.config import StudyConfig
    from anb_gym.study.results import Results

#: Where studies are kept by default.
STUDIES: Final = Path("runs/studies")


def add_studies(parser: argparse.ArgumentParser) -> None:
    """Adds ``--studies`` of commands that need some."""
    parser.add_argument(
        "--studies",
        type=Path,
        default=STUDIES,
        metavar="FOLDER",
        help=f"where the studies are that are needed, or go; by default {STUDIES.as_posix()}",
    )


def load_study(name: str, argument: str = "study") -> StudyConfig:
    """A study's file, or one that ships by its name, with the baselines and the agents by theirs.

    The study knows them by where they are; the names come from here, the layer above both.
    """
    with needing("study"):
        from anb_gym.agents import AGENTS
        from anb_gym.baselines import BASELINES
        from anb_gym.study import study_file
    baselines = {key: baseline.target for key, baseline in BASELINES.items()}
    return study_file.load_study(configs.find("studies", name, argument), baselines, AGENTS)


def results_of(name: str, options: argparse.Namespace) -> Results:
    """The results of a study that ships, which is run as far as it has not been."""
    with needing("study"):
        import joblib

        from anb_gym.study.results import Results
        from anb_gym.study.runner import run_study
    study = load_study(name)
    with joblib.parallel_config("loky", inner_max_num_threads=1):
        outcome = run_study(study, options.studies / study.name, options.workers, progress=True)
    if outcome.failures:
        raise ValueError(f"{len(outcome.failures)} runs failed; the first: {outcome.failures[0]['error']}")
    return Results.load(outcome.path)
