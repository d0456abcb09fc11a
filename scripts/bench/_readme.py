"""Settings that the README recommends, as benches compare with them."""

from __future__ import annotations

from typing import Any, Final

#: Copies of the environment, and settings of PPO.
COPIES: Final = 64
PPO: Final[dict[str, Any]] = {
    "n_steps": 28,
    "batch_size": 448,
    "gamma": 1.0,
    "gae_lambda": 1.0,
    "learning_rate": 1e-3,
    "ent_coef": 0.005,
}
