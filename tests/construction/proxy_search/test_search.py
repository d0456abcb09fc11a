"""The whole search: what it finds, and that nothing on the way changes it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthetic_search
from synthetic_search import Synthetic, config

from anb_gym.construction.proxy_search.config import SearchConfig
from anb_gym.construction.proxy_search.records import RECORDS
from anb_gym.construction.proxy_search.report import summary, to_dict, write_report
from anb_gym.construction.proxy_search.search import SearchResult, search_proxy
from anb_gym.construction.ranking import tau
from anb_gym.construction.units import Trained, Unit


def search(folder: Path, changed: SearchConfig | None = None, evaluator: Any = None, workers: int = 1) -> SearchResult:
    with ThreadPoolExecutor(workers) as pool:
        return search_proxy(changed or config(), evaluator or Synthetic(), pool, folder)


def contents(folder: Path) -> dict[str, str]:
    paths = (folder / RECORDS).rglob("[!.]*.json")
    return {str(path.relative_to(folder)): path.read_text() for path in paths}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    write_report(search(folder), Synthetic().conditions(), folder)
    return folder


def test_the_winner_is_the_best_of_all_schemes(tmp_path: Path) -> None:
    result = search(tmp_path)
    units = [int(index) for index in result.search.architectures]
    evaluate = Synthetic()
    reference = [
        np.mean([evaluate(Unit(a, config().reference_scheme, seed), tmp_path).accuracy for seed in (0, 1)])
        for a in units
    ]
    taus, seconds = {}, {}
    for scheme in config().schemes():
        outcomes = [evaluate(Unit(a, scheme, 1000), tmp_path) for a in units]
        seconds[scheme] = np.mean([outcome.seconds for outcome in outcomes])
        if seconds[scheme] <= result.limit:
            taus[scheme] = tau(np.array([outcome.accuracy for outcome in outcomes]), np.array(reference))
    best = max(taus.values())
    assert result.winner == min((s for s in taus if taus[s] == best), key=lambda s: seconds[s])
    assert result.search.tau == pytest.approx(best)
    trained = sum(np.isfinite(scheme.measured.mean).sum() for scheme in result.schemes)
    assert trained < 0.9 * len(result.schemes) * len(units)


def test_the_winner_is_confirmed_on_architectures_that_it_was_not_chosen_by(tmp_path: Path) -> None:
    result = search(tmp_path)
    assert result.confirmation is not None
    assert len(set(result.confirmation.architectures.tolist())) == 6
    assert not set(result.confirmation.architectures.tolist()) & set(result.search.architectures.tolist())
    assert result.confirmation.proxy.accuracy.shape == (6, 2)
    assert search(tmp_path, config(held_out=0)).confirmation is None


def test_neither_the_order_nor_the_number_of_workers_changes_the_result(undisturbed: Path, tmp_path: Path) -> None:
    class Jittery(Synthetic):
        def __call__(self, unit: Unit, folder: Path) -> Trained:
            time.sleep(random.Random(str(unit)).random() / 200)
            return super().__call__(unit, folder)

    write_report(search(tmp_path, evaluator=Jittery(), workers=7), Synthetic().conditions(), tmp_path)
    assert contents(tmp_path) == contents(undisturbed)
    for name in ("result.json", "scatter.png", "scatter.svg"):
        assert (tmp_path / name).read_bytes() == (undisturbed / name).read_bytes()


def test_a_search_that_is_killed_again_and_again_ends_like_one_that_was_not(undisturbed: Path, tmp_path: Path) -> None:
    randomness = random.Random(0)
    units = len(contents(undisturbed))
    # The moments are random, but in progress rather than in time: how long a start takes depends on the machine.
    for goal, kill in zip(sorted(randomness.sample(range(units - 15), 2)), (os.killpg, os.kill), strict=True):
        process = start(tmp_path)
        while len(contents(tmp_path)) < goal:
            assert process.poll() is None
            time.sleep(0.002)
        time.sleep(randomness.random() * 0.05)
        kill(process.pid, signal.SIGKILL)  # with its workers, or alone
        assert process.wait() == -signal.SIGKILL
    assert len(contents(tmp_path)) < units
    assert start(tmp_path).wait() == 0
    assert contents(tmp_path) == contents(undisturbed)
    assert (tmp_path / "result.json").read_text() == (undisturbed / "result.json").read_text()


def start(folder: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, synthetic_search.__file__, str(folder), "0.01"]
    return subprocess.Popen(command, start_new_session=True)


def test_a_finished_search_is_read_again_without_training(tmp_path: Path) -> None:
    class Counting(Synthetic):
        def __call__(self, unit: Unit, folder: Path) -> Trained:
            trained[unit] += 1
            return super().__call__(unit, folder)

    trained: Counter[Unit] = Counter()
    first = search(tmp_path, evaluator=Counting())
    assert set(trained.values()) == {1}
    trained.clear()
    assert to_dict(search(tmp_path, evaluator=Counting()), {}) == to_dict(first, {})
    assert not trained


def test_a_target_stops_the_search_at_the_cheapest_scheme_that_reaches_it(tmp_path: Path) -> None:
    whole = search(tmp_path / "whole")
    result = search(tmp_path / "target", config(target_tau=0.7))
    (reached,) = [scheme for scheme in result.schemes if scheme.scheme == result.winner]
    assert reached.tau >= 0.7
    assert all(scheme.tau < 0.7 for scheme in result.schemes[: result.schemes.index(reached)])
    assert len(contents(tmp_path / "target")) < len(contents(tmp_path / "whole"))
    assert whole.search.tau >= result.search.tau


def test_records_of_another_configuration_are_refused(tmp_path: Path) -> None:
    search(tmp_path)
    with pytest.raises(ValueError, match="is a record of another search: its conditions is"):
        search(tmp_path, evaluator=Synthetic(version=1))
    assert to_dict(search(tmp_path), {})["winner"]


def test_a_limit_that_no_scheme_keeps_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no scheme has a mean training time of at most 0.1 s: the fastest needs"):
        search(tmp_path, config(limit_seconds=0.1))


def test_the_report_has_what_the_paper_reports(undisturbed: Path, tmp_path: Path) -> None:
    result = search(undisturbed)
    content = json.loads((undisturbed / "result.json").read_text())
    for part in (content["search"], content["confirmation"]):
        low, high = part["tau_interval"]
        assert low <= part["tau"] <= high
        assert part["tau"] <= part["noise_ceiling"] + 0.2
        assert part["time_ratio"] == pytest.approx(part["reference"]["mean_seconds"] / part["proxy"]["mean_seconds"])
    assert content["winner"]["name"] == str(result.winner)
    assert {scheme["status"] for scheme in content["schemes"]} >= {"complete"}
    text = summary(result)
    for expected in ("noise ceiling", "time ratio", "the winner", f"{result.search.tau:.3f}"):
        assert expected in text
    assert (undisturbed / "scatter.png").read_bytes().startswith(b"\x89PNG")
    assert b"</svg>" in (undisturbed / "scatter.svg").read_bytes()
