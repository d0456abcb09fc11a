"""Studies: controllers that ask and are told, run on many tasks and seeds, and compared.

A :class:`Controller` learns from a :class:`Brief` what it will be asked, proposes architectures and is told their
rewards. A :class:`StudyConfig`, which :func:`load_study` reads, names controllers, tasks, seeds and a budget;
:func:`run_study` runs what is missing, in parallel, and goes on where it stopped. :class:`Results` are what it wrote,
:mod:`~anb_gym.study.analysis` compares controllers by regret at any time, and :mod:`anb_gym.reports` shows it. A
submission is a list of evaluated architectures, which :func:`validate_run` recomputes.
"""

from typing import TYPE_CHECKING

from anb_gym._lazy import submodules
from anb_gym.study.protocol import Brief, Controller, Fidelity, FidelityController

if TYPE_CHECKING:
    from anb_gym.study.config import ControllerEntry, StudyConfig, TaskEntry
    from anb_gym.study.recomputing import validate_run
    from anb_gym.study.results import Results, ResultsError
    from anb_gym.study.runner import collect, run_study
    from anb_gym.study.study_file import load_study
    from anb_gym.study.submission import SubmissionError, load_submission, submission_of

__all__ = [
    "Brief",
    "Controller",
    "ControllerEntry",
    "Fidelity",
    "FidelityController",
    "Results",
    "ResultsError",
    "StudyConfig",
    "SubmissionError",
    "TaskEntry",
    "collect",
    "load_study",
    "load_submission",
    "run_study",
    "submission_of",
    "validate_run",
]

_NAMES = {
    "config": ("ControllerEntry", "StudyConfig", "TaskEntry"),
    "recomputing": ("validate_run",),
    "results": ("Results", "ResultsError"),
    "runner": ("collect", "run_study"),
    "study_file": ("load_study",),
    "submission": ("SubmissionError", "load_submission", "submission_of"),
}
__getattr__, __dir__ = submodules(__name__, "study", names=_NAMES)
