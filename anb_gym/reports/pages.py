"""Pages in HTML that open in any browser, without a network."""

from __future__ import annotations

import base64
import gzip
from functools import cache
from importlib.resources import files
from typing import Any

from anb_gym._extras import require


def render_page(template: str, **content: Any) -> str:
    """The text of a page.

    Args:
        template: The name of a file beside this one; ``page.html`` has the look that all share, ``grid.html`` tables.
        **content: What it shows. Text is escaped.

    Raises:
        ModuleNotFoundError: The extra ``study`` is not installed.
    """
    jinja2 = require("jinja2", "study")
    folder = files(__package__)
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text: str = environment.get_template(template).render(**content)
    return text


def packed(text: str) -> str:
    """A text as gzip in base64, which a page unpacks by ``figures.js``. Equal texts give equal bytes."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode("ascii")


@cache
def plotly() -> str:
    """The library that draws figures in the browser, :func:`packed`.

    Raises:
        ModuleNotFoundError: The extra ``study`` is not installed.
    """
    return packed(require("plotly.offline", "study").get_plotlyjs())
