"""Controllers for the tests of studies, good and bad; studies find them by this file's path."""

import os
import time

import numpy as np

from anb_gym.space import SPACE


class Toy:
    """Random architectures, a few at a time."""

    def __init__(self, brief, rng, *, batch_size=7):
        self.batch_size = batch_size
        self.brief = brief
        self.rng = rng
        self.asked = 0

    def ask(self, n):
        self.asked += n
        return SPACE.sample(n, self.rng)

    def tell(self, choices, objectives):
        assert choices.shape == (len(objectives), SPACE.n_choices)
        assert objectives.shape == (len(choices), self.brief.n_objectives)


class Climber(Toy):
    """What it proposes depends on all that it was told."""

    def __init__(self, brief, rng):
        super().__init__(brief, rng, batch_size=1)
        self.best = None, -np.inf

    def ask(self, n):
        proposal = super().ask(n)
        if self.best[0] is not None:
            proposal = np.where(self.rng.random(proposal.shape) < 0.9, self.best[0], proposal).astype(np.int8)
        return proposal

    def tell(self, choices, objectives):
        if objectives[0, 0] > self.best[1]:
            self.best = choices[0], objectives[0, 0]


class Slow(Climber):
    """Takes its time, so that a study can be killed in the middle of a run."""

    def ask(self, n):
        time.sleep(0.001)
        return super().ask(n)


class Endless(Toy):
    """Does not come to an end; leaves a file with the id of its process, and counts what was asked of all of them."""

    count = 0

    def __init__(self, brief, rng):
        super().__init__(brief, rng, batch_size=1)
        if folder := os.environ.get("TOY_FOLDER"):
            open(os.path.join(folder, str(os.getpid())), "x").close()

    def ask(self, n):
        Endless.count += n
        time.sleep(0.001)
        return super().ask(n)


class Spoiler(Toy):
    """Changes what it is told and what it proposed."""

    def ask(self, n):
        self.proposed = super().ask(n)
        return self.proposed

    def tell(self, choices, objectives):
        objectives[:] = 0.0
        self.proposed[:] = 0


class OneOnly(Toy):
    """For one objective."""

    def __init__(self, brief, rng):
        if brief.n_objectives > 1:
            raise ValueError("for one objective only")
        super().__init__(brief, rng)


class Flaky(Toy):
    """Raises on odd evaluations beyond 20, unless the environment says that it is mended."""

    def tell(self, choices, objectives):
        if self.asked > 20 and "TOY_MENDED" not in os.environ:
            raise RuntimeError("out of ideas")


class TooFew(Toy):
    def ask(self, n):
        return super().ask(n)[:-1]


class WrongType(Toy):
    def ask(self, n):
        return super().ask(n).astype(np.int64)


class NoArray(Toy):
    def ask(self, n):
        return list(range(1, 1000))


class Outside(Toy):
    def ask(self, n):
        proposals = super().ask(n)
        if self.asked > n:
            proposals[3, 5] = 2
        return proposals


class BatchOfNothing(Toy):
    def __init__(self, brief, rng):
        super().__init__(brief, rng, batch_size=0)


class Quitter(Toy):
    def ask(self, n):
        raise SystemExit("bye")


class Killer(Toy):
    """Ends its process at once, as the system does when memory is short."""

    def ask(self, n):
        os._exit(9)
