"""Controllers of BoTorch leave torch as it was, compile nothing, and measure nothing twice."""

from typing import Any

import numpy as np
import pytest

from anb_gym.space import SPACE
from anb_gym.study.protocol import Brief

torch = pytest.importorskip("torch", reason="the extra bayes is not installed")
pytest.importorskip("botorch", reason="the extra bayes is not installed")


@pytest.mark.parametrize(("name", "m"), [("BoTorch", 1), ("BoTorch", 2), ("ParEGO", 2)])
def test_proposals_are_new_and_torch_is_as_it_was(name: str, m: int, toy: Any) -> None:
    from botorch.acquisition.multi_objective import logei

    from anb_gym.baselines import botorch_processes

    settings = {"n_samples": 4, "n_steps": 2, "n_restarts": 1, "n_raw_samples": 4, "batch_size": 2}
    controller = getattr(botorch_processes, name)(Brief(m, 30), np.random.default_rng(0), **settings)
    choices = SPACE.sample(10, np.random.default_rng(1))
    controller.tell(choices, np.zeros((10, m)) if m == 1 else toy(m)(choices))
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    proposals = controller.ask(2)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    assert logei._C is None
    assert len(np.unique(np.concatenate([choices, proposals]), axis=0)) == 12
