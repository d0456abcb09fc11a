"""Colours that the parts of a picture share."""

from __future__ import annotations

from typing import Final

#: Text, less important text, and lines in the background.
TEXT: Final = "#24292f"
GREY: Final = "#6b7178"
FAINT: Final = "#d9dce0"
#: The network, and the choice made last: vermilion of Okabe and Ito's palette (https://jfly.uni-koeln.de/color/).
MARK: Final = "#d55e00"
#: Random architectures, and the exact front.
RANDOM: Final = "#c9cdd2"
FRONT: Final = "#000000"
