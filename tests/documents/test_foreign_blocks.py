"""Blocks of pages on libraries that tests go without, run where somebody has installed them."""

import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from documents import Page

from anb_gym import SPACE

_REASON = re.compile(r"they go without (.+) unless it is installed")
#: The blocks by the library that their reasons name.
BLOCKS = {
    named[1]: block.text
    for page in ("docs/bridges.md", "docs/clients.md")
    for block in Page.read(page).blocks
    if block.reason and (named := _REASON.fullmatch(block.reason))
}
#: What each library's module is called, and the block that makes what it reads.
MODULES = {
    "SMAC3": "smac",
    "DEHB": "dehb",
    "Syne Tune": "syne_tune",
    "Nevergrad": "nevergrad",
    "TorchRL": "torchrl",
    "Tianshou": "tianshou",
    "RLlib": "ray.rllib",
    "Minari": "minari",
    "d3rlpy": "d3rlpy",
    "PufferLib": "pufferlib.emulation",
}
BEFORE = {"d3rlpy": "Minari"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("library", MODULES)
def test_blocks_run_where_the_library_is(library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    names: dict[str, Any] = {"__name__": "__main__"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other libraries among themselves
        reason = f"{library} is not among the pinned packages, or not installed"
        pytest.importorskip(MODULES[library], reason=reason, exc_type=ImportError)
        for name in filter(None, (BEFORE.get(library), library)):
            exec(BLOCKS[name], names)
    if library == "Nevergrad":
        space = SPACE.to_nevergrad()
        space.random_state.seed(0)
        choices = SPACE.from_dicts([space.sample().value for _ in range(60)])
        assert (choices.min(axis=0) == 0).all()
        assert (choices.max(axis=0) == SPACE.cardinalities - 1).all()


def test_no_such_block_goes_unnoticed() -> None:
    assert set(BLOCKS) == set(MODULES)
