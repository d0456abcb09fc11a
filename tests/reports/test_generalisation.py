"""The page of the benchmark of generalisation."""

import pytest

from anb_gym.generalisation.running import Run
from anb_gym.reports.generalisation import _Figures, write_generalisation


def made(method, device, budget, coverage):
    return Run(method, device, budget, 5, coverage, 0.1, 1.0, 0.1, 0.02, 2.0, 1.5, 0.05, 0.01)


RUNS = [
    *(made("good", "vck190/throughput", budget, value) for budget, value in ((0, 0.98), (10, 0.96), (20, 0.97))),
    *(made("poor", "vck190/throughput", budget, 0.9) for budget in (0, 10, 20)),
    *(made("good", f"generated/{n}", 10, 0.9 + 0.02 * n) for n in range(3)),
]


def test_measurements_needed_are_those_after_which_it_stays_covered():
    figures = _Figures(RUNS)
    # Without a measurement it is covered, with ten no more.
    assert figures.needed("good", figures.real) == "20"
    assert figures.needed("poor", figures.real) == "-"
    assert figures.needed("poor", figures.generated) == "-"


def test_page_has_means_over_what_was_run(tmp_path):
    pytest.importorskip("matplotlib")
    page, picture = write_generalisation(RUNS, tmp_path)
    lines = page.read_text().splitlines()
    row = next(line for line in lines if line.startswith("| `good` | 3 |"))
    assert "| 0.9200 | 0.0226 | 0.9020 |" in row
    assert not any(line.startswith("| `poor` | 0 |") for line in lines)
    assert picture.read_bytes().startswith(b"\x89PNG")
