"""Blocks of pages that the browser unpacks."""

from __future__ import annotations

import base64
import gzip
import re

_BLOCK = r'<script type="text/plain" id="{}">(.*?)</script>'


def unpacked(text: str, block: str) -> str:
    """What a block of a page holds."""
    (found,) = re.findall(_BLOCK.format(block), text, re.DOTALL)
    return gzip.decompress(base64.b64decode(found, validate=True)).decode()


def without_blocks(text: str) -> str:
    """A page without its blocks."""
    return re.sub(_BLOCK.format("[a-z]+"), "", text, flags=re.DOTALL)
