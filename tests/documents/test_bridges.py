"""Blocks of docs/bridges.md on libraries that tests go without, run where somebody has installed them."""

import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from documents import Page

from anb_gym import SPACE

BLOCKS = {
    re.findall(r"^(?:from|import) (\w+)", block.text, re.MULTILINE)[0]: block.text
    for block in Page.read("docs/bridges.md").blocks
    if block.reason
}


@pytest.mark.parametrize("library", ["smac", "dehb", "syne_tune", "nevergrad"])
def test_blocks_run_where_the_library_is(library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other libraries among themselves
        pytest.importorskip(library, reason=f"{library} is not among the pinned packages, or not installed")
        exec(BLOCKS[library], names)
    if library == "nevergrad":
        space = SPACE.to_nevergrad()
        space.random_state.seed(0)
        choices = SPACE.from_dicts([space.sample().value for _ in range(60)])
        assert (choices.min(axis=0) == 0).all()
        assert (choices.max(axis=0) == SPACE.cardinalities - 1).all()


def test_no_such_block_goes_unnoticed() -> None:
    assert set(BLOCKS) == {"smac", "dehb", "syne_tune", "nevergrad"}
