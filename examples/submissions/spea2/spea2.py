"""SPEA2 of pymoo (Zitzler et al. 2001), which the package does not ship, through its adapter."""

from pymoo.algorithms.moo.spea2 import SPEA2

from anb_gym.baselines.pymoo_algorithms import PymooController, operators


class Strength(PymooController):
    """SPEA2 with a population that suits a few hundred evaluations."""

    def __init__(self, brief, rng, *, population_size=20):
        if brief.n_objectives < 2:
            raise ValueError("for several objectives only")
        algorithm = SPEA2(pop_size=population_size, **operators(population_size, rng))
        super().__init__(brief, rng, algorithm=algorithm, batch_size=population_size)
