"""Seeds depend on every key, and generators outside stay as they were."""

import torch

from anb_gym.construction.seeding import derived_seed, generator, seeded


def test_every_key_matters() -> None:
    seeds = {derived_seed(purpose, a, b) for purpose in ("order", "crop") for a in range(10) for b in range(10)}
    assert len(seeds) == 200
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derived_seed("order", 2**70, 1) == derived_seed("order", 2**70, 1)


def test_seeded_is_local() -> None:
    before = torch.get_rng_state()
    with seeded("order", 1):
        inside = torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(inside, torch.rand(3, generator=generator("order", 1)))
