"""Simulated annealing (Kirkpatrick et al. 1983): a controller in a file of its own, with numpy alone."""

import numpy as np

from anb_gym import SPACE


class SimulatedAnnealing:
    """Changes one choice at a time; what is worse is accepted with a probability that falls as the budget is spent."""

    batch_size = 1

    def __init__(self, brief, rng, *, start=0.3, end=0.003):
        if brief.n_objectives > 1:
            raise ValueError("for one objective only")
        self.budget, self.rng, self.start, self.end = brief.budget, rng, start, end
        self.done, self.place, self.reward = 0, None, -np.inf

    def ask(self, n):
        stranger = SPACE.sample(n, self.rng)
        if self.place is None:
            return stranger
        neighbour = np.repeat(self.place[None], n, axis=0)
        choice = self.rng.integers(SPACE.n_choices, size=n)
        options = SPACE.cardinalities[choice]
        rows = np.arange(n)
        neighbour[rows, choice] = (neighbour[rows, choice] + self.rng.integers(1, options)) % options
        return neighbour

    def tell(self, choices, objectives):
        (reward,) = objectives[:, 0]
        temperature = self.start * (self.end / self.start) ** (self.done / self.budget)
        self.done += 1
        if self.rng.random() < np.exp(min(0.0, (reward - self.reward) / temperature)):
            self.place, self.reward = choices[0], reward
