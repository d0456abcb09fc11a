"""A progress bar on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from anb_gym._extras import require


@contextmanager
def bar() -> Iterator[Callable[[float], None]]:
    """A tqdm bar; yields a function that takes the share closed, in 0..1."""
    tqdm = require("tqdm", "exact").tqdm
    shape = "{l_bar}{bar}| {elapsed}<{remaining}"
    with tqdm(total=1.0, desc="share of the space closed", bar_format=shape) as display:

        def report(share: float) -> None:
            display.update(share - display.n)

        yield report
