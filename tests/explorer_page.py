"""The explorer's page, as tests visit it."""

from typing import Any

import numpy as np
from loading import ROOT

PAGE = ROOT / "docs" / "explorer" / "index.html"
#: What is true in the page once its tables are unpacked.
READY = "() => performance.getEntriesByName('ready').length"


def visit(page: Any, address: str) -> None:
    """Leads the page to an address, as a link that was shared does."""
    page.evaluate(
        """to => new Promise(done => {
        addEventListener('hashchange', () => setTimeout(done), { once: true }); location.hash = to; })""",
        f"{address}&again={np.random.default_rng().integers(2**40)}",
    )
