"""The networks that are measured first on a device nobody has seen.

Ten, as many as HELP (Lee et al. 2021, https://arxiv.org/abs/2106.08630) and "Searching on a budget"
(https://arxiv.org/abs/2504.00663) measure. ``scripts/choose_probes.py`` chose them: of 3,000 candidates those from
which a linear predictor, over generated devices, tells the logarithms of the times of others best. Its error on new
devices is 0.049 (median), that of ten random networks 0.100.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from anb_gym.space import SPACE, States

#: Indices of the networks in the space, in the order in which they are worth measuring: the first n serve as n probes.
PROBES: Final = (
    17_926_677_600,
    68_234_626_090,
    1_179_872_309,
    41_648_581_440,
    23_164_416,
    95_691_410_725,
    78_495_501_955,
    33_040_616_439,
    37_039_690_073,
    52_295_226_649,
)
N_PROBES: Final = len(PROBES)


def probe_states() -> States:
    """Block states of the probes, ``int64`` (10, 7)."""
    return SPACE.as_states(np.array(PROBES))
