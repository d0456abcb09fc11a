"""The command ``validate``: a submission, recomputed."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from anb_gym._errors import one_line
from anb_gym._extras import needing
from anb_gym.cli._options import add_json, print_json


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    validate = commands.add_parser("validate", help="recompute a submission: a list of evaluated architectures")
    validate.add_argument("submission", type=Path, help="a folder, or a JSON file, see docs/studies.md")
    add_json(validate)
    validate.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    with needing("study"):
        from anb_gym.study.recomputing import validate_run
        from anb_gym.study.submission import load_submission
    submission = load_submission(options.submission)
    verdicts = [validate_run(run) for run in submission.runs]
    if options.json:
        runs = [{"run": str(run), **asdict(verdict)} for run, verdict in zip(submission.runs, verdicts, strict=True)]
        print_json({"controller": submission.controller, "runs": runs})
        if wrong := sum(len(verdict.mismatches) for verdict in verdicts):
            raise ValueError(f"{options.submission}: claims that are wrong: {wrong}")
        return
    print(f"{one_line(submission.controller)}: {len(submission.runs)} runs")
    wrong, claims = 0, 0
    for run, verdict in zip(submission.runs, verdicts, strict=True):
        what = "hypervolume regret" if run.judge.n_objectives > 1 else "regret"
        regret = ", ".join(f"{value:.4g} after {budget:,}" for budget, value in verdict.regret.items())
        counts = f"{len(run.index):,} evaluations, {verdict.repeated:,} of them repeated"
        print(f"{run}: {counts}; {f'{what} {regret}' if regret else 'no exact front is known'}")
        for mismatch in verdict.mismatches:
            print(f"  wrong: {mismatch}")
        wrong += len(verdict.mismatches)
        claims += len(run.claims)
    if wrong:
        raise ValueError(f"{options.submission}: claims that are wrong: {wrong}")
    print("all claims agree" if claims else "nothing is claimed")
    if options.submission.is_dir():
        print("budget, seeds, ids and checksums of tables are in order")
