"""Schemes: the two of the paper, what they mean per epoch, and what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anb_gym.construction.schemes import Recipe, Scheme, load_scheme, scheme_names

PROXY = Scheme(2048, 16, 11, 12, 160, 192)
VALUES = {k: v for k, v in PROXY.to_dict().items() if k != "recipe"}


def test_the_proxy_of_the_paper() -> None:
    proxy = load_scheme("proxy")
    assert proxy == PROXY
    assert [proxy.resolution(epoch) for epoch in range(16)] == [160] * 12 + [192] * 4
    assert proxy.evaluation_resolution == 256
    assert [proxy.rate(epoch) for epoch in (0, 1, 2, 9, 16)] == pytest.approx([0, 0.2125, 0.425, 0.2125, 0])


def test_the_reference_of_the_paper() -> None:
    reference = load_scheme("reference")
    assert (reference.epochs, reference.batch_size) == (50, 1024)
    assert {reference.resolution(epoch) for epoch in range(50)} == {224}
    assert reference.evaluation_resolution == 256
    assert reference.rate(2) == pytest.approx(0.425 / 2)


def test_every_shipped_scheme_survives_its_dictionary() -> None:
    assert {"proxy", "reference", "digits_reference"} <= set(scheme_names())
    for name in scheme_names():
        scheme = load_scheme(name)
        assert Scheme.from_dict(scheme.to_dict()) == scheme
        assert hash(scheme) == hash(load_scheme(name))


@given(
    epochs=st.integers(3, 60),
    bounds=st.tuples(st.integers(0, 60), st.integers(0, 60)),
    sides=st.tuples(st.integers(1, 10), st.integers(1, 10)),
)
def test_resolution_grows_in_steps_of_32(epochs: int, bounds: tuple[int, int], sides: tuple[int, int]) -> None:
    first, last = sorted(min(bound, epochs) for bound in bounds)
    low, high = sorted(32 * side for side in sides)
    scheme = Scheme(64, epochs, first, last, low, high)
    resolutions = [scheme.resolution(epoch) for epoch in range(epochs)]
    assert resolutions == sorted(resolutions)
    assert all(r % 32 == 0 and low <= r <= high for r in resolutions)
    assert all(r == low for r in resolutions[: first + 1])
    assert all(r == high for r in resolutions[max(last, first + 1) :])


def test_resizing_passes_the_sides_between() -> None:
    scheme = Scheme(64, 10, 2, 6, 32, 160)
    assert [scheme.resolution(epoch) for epoch in range(10)] == [32, 32, 32, 64, 96, 128, 160, 160, 160, 160]


def test_halves_between_two_sides_go_up() -> None:
    assert Scheme(64, 10, 2, 4, 32, 64).resolution(3) == 64
    assert Scheme(64, 10, 2, 4, 64, 96).resolution(3) == 96


def test_no_such_epoch() -> None:
    with pytest.raises(ValueError, match="epoch must be in 0..15, got 16"):
        PROXY.resolution(16)


def test_peak_at_the_start() -> None:
    scheme = replace(PROXY, recipe=Recipe(peak_epoch=0))
    assert [scheme.rate(epoch) for epoch in (0, 8, 16)] == pytest.approx([0.425, 0.2125, 0])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"resize_finish_epoch": 10}, "resize_finish_epoch must not lie before resize_start_epoch, 11, got 10"),
        ({"finish_resolution": 128}, "finish_resolution must not lie before start_resolution, 160, got 128"),
        ({"start_resolution": 16}, "start_resolution must be an integer of at least 32, got 16"),
        ({"finish_resolution": 31}, "finish_resolution must be an integer of at least 32, got 31"),
        ({"finish_resolution": 200}, "finish_resolution must be a multiple of 32 pixels, got 200"),
        ({"epochs": 11}, "epochs must not lie before resize_finish_epoch, 12, got 11"),
        ({"epochs": 0}, "epochs must be an integer of at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1, got 0"),
        ({"batch_size": 64.0}, "batch_size must be an integer of at least 1, got 64.0"),
        ({"batch_size": True}, "batch_size must be an integer of at least 1, got True"),
        ({"resize_start_epoch": -1}, "resize_start_epoch must be an integer of at least 0, got -1"),
        ({"recipe": {"peak_epoch": 16}}, "recipe.peak_epoch must be below epochs, 16, got 16"),
        ({"recipe": {"weight_decay": "1e-4"}}, "weight_decay must be a number, got '1e-4'; YAML reads 1e-4 as text"),
        ({"recipe": {"momentum": 1.0}}, "momentum must be at least 0 and below 1, got 1.0"),
        ({"recipe": {"rate": float("nan")}}, "rate must be at least 0 and below inf, got nan"),
        ({"recipe": {"score_epochs": 0}}, "score_epochs must be an integer of at least 1, got 0"),
        ({"recipe": {"lr": 0.1}}, "a key of the recipe must be one of"),
        ({"recipe": 3}, "recipe must be a mapping, got 3"),
        ({"batchsize": 3}, "a key of the scheme must be one of .* did you mean 'batch_size'?"),
    ],
    ids=str,
)
def test_invalid_schemes(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Scheme.from_dict({**VALUES, **values})


def test_missing_keys() -> None:
    with pytest.raises(ValueError, match="it lacks epochs, finish_resolution"):
        Scheme.from_dict({k: v for k, v in VALUES.items() if k not in ("epochs", "finish_resolution")})


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match="scheme must be one of .*'proxy'.* got 'proxi'; did you mean 'proxy'?"):
        load_scheme("proxi")


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    with pytest.raises(FileNotFoundError):
        load_scheme(path)
    path.write_text("\n".join(f"{name}: {value}" for name, value in VALUES.items()))
    assert load_scheme(path) == load_scheme(str(path)) == PROXY
    path.write_text("batch_size: 3")
    with pytest.raises(ValueError, match=r"mine.yaml does not hold a scheme: .* it lacks epochs"):
        load_scheme(path)
    path.write_text("- 3")
    with pytest.raises(ValueError, match=r"mine.yaml does not hold a scheme: expected a mapping"):
        load_scheme(path)
    path.write_text("a: [")
    with pytest.raises(ValueError, match=r"mine.yaml:1: "):
        load_scheme(path)


def test_text_names_the_six_numbers() -> None:
    assert str(PROXY) == "b2048-e16-r160:192-s11:12"
