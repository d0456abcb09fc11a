"""Measured times as people write them."""

from pathlib import Path

import numpy as np
import pytest

from anb_gym import Architecture
from anb_gym.hardware import PROBES, generate, probe_states
from anb_gym.hardware.times import TimesError, in_unit, read_rows, read_times, write_table

NAMES = [str(Architecture.from_index(index)) for index in PROBES]
VALUES = {kind: metric.predict(probe_states()).tolist() for kind, metric in generate(2_400_000).metrics.items()}


def table(folder: Path, kind: str, rows: list[tuple[str, object]]) -> Path:
    path = folder / "times.csv"
    path.write_text("\n".join([f"architecture,{kind}", *(f"{name},{value}" for name, value in rows)]) + "\n")
    return path


@pytest.mark.parametrize("kind", VALUES)
def test_what_is_written_is_read(tmp_path: Path, kind: str) -> None:
    values = [*VALUES[kind][:7], None, None, None]
    write_table(tmp_path / "a.csv", kind, [(name, "file", value) for name, value in zip(NAMES, values, strict=True)])
    assert read_rows(tmp_path / "a.csv", kind) == dict(zip(NAMES, values, strict=True))
    write_table(tmp_path / "a.csv", kind, list(zip(NAMES, NAMES, VALUES[kind], strict=True)))
    times = read_times(tmp_path / "a.csv")
    assert times.kind == kind
    np.testing.assert_array_equal(times.states, probe_states())
    np.testing.assert_allclose(in_unit(kind, times.seconds), VALUES[kind], rtol=1e-12)


def test_the_same_time_twice_is_one(tmp_path: Path) -> None:
    rows = list(zip(NAMES, VALUES["latency"], strict=True))
    assert len(read_times(table(tmp_path, "latency", [*rows, *rows])).states) == 10


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("", "line 4: the throughput of .* is missing"),
        ("-5", "line 4: .* must be a positive number, got '-5'"),
        ("0", "must be a positive number, got '0'"),
        ("inf", "must be a positive number, got 'inf'"),
        ("nan", "must be a positive number, got 'nan'"),
        ("fast", "must be a positive number, got 'fast'"),
    ],
)
def test_a_time_must_be_a_positive_number(tmp_path: Path, bad: str, message: str) -> None:
    rows: list[tuple[str, object]] = list(zip(NAMES, VALUES["throughput"], strict=True))
    rows[2] = (NAMES[2], bad)
    with pytest.raises(TimesError, match=message) as error:
        read_times(table(tmp_path, "throughput", rows))
    assert "\n" not in str(error.value)


def test_rows_that_cannot_be(tmp_path: Path) -> None:
    rows: list[tuple[str, object]] = list(zip(NAMES, VALUES["throughput"], strict=True))
    for changed, message in (
        ([*rows, (NAMES[0], 1.5 * VALUES["throughput"][0])], "line 12: .* here and of .* in line 2; keep one"),
        ([*rows, ("e2k3l1s1", 5.0)], "line 12: the architecture must be seven blocks such as e6k3l2s1"),
        (rows[:4], "at least 5 different networks must have been measured, got 4"),
        ([(name, 100.0) for name, _ in rows], "all 10 networks have the same throughput"),
    ):
        with pytest.raises(TimesError, match=message):
            read_times(table(tmp_path, "throughput", changed))


@pytest.mark.parametrize("kind", VALUES)
def test_wrong_units_and_kinds_are_told(tmp_path: Path, kind: str) -> None:
    other = "latency" if kind == "throughput" else "throughput"
    mixed = [(name, value) for name, value in zip(NAMES, VALUES[other], strict=True)]
    with pytest.raises(TimesError, match=f"these look like the {other}, not the {kind}"):
        read_times(table(tmp_path, kind, mixed))
    for factor in (1e-4, 1e4):
        rows = [(name, factor * value) for name, value in zip(NAMES, VALUES[kind], strict=True)]
        with pytest.raises(TimesError, match="orders of magnitude off what devices have"):
            read_times(table(tmp_path, kind, rows))


def test_columns_are_named(tmp_path: Path) -> None:
    rows: list[tuple[str, object]] = list(zip(NAMES, VALUES["latency"], strict=True))
    with pytest.raises(TimesError, match=r"the columns must be architecture and .*, got architecture, speed"):
        read_times(table(tmp_path, "speed", rows))
    with pytest.raises(TimesError, match="there is no column throughput, only latency"):
        read_times(table(tmp_path, "latency", rows), "throughput")
    with pytest.raises(TimesError, match="nowhere"):
        read_times(tmp_path / "nowhere.csv")
