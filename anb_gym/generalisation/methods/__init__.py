"""Methods that design for a device nobody has seen: one file and one line each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from anb_gym._lazy import submodules
from anb_gym.generalisation.methods.beliefs import own_process
from anb_gym.generalisation.methods.constants import Constants
from anb_gym.generalisation.methods.donor import Average, NearestDonor
from anb_gym.generalisation.methods.estimate import Active, Estimate, Hedged
from anb_gym.generalisation.methods.help import Help
from anb_gym.generalisation.methods.modnas import Modnas
from anb_gym.generalisation.methods.policy import Policy
from anb_gym.generalisation.methods.search import LocalSearch, RandomSearch
from anb_gym.generalisation.protocol import Method

#: The methods, by name.
METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {
        **{f"constants_{n}": Constants(n) for n in (1, 4, 16, 64, 256)},
        "average": Average(),
        "donor": NearestDonor(),
        "blind_policy": Policy("the policy below, shown the average device's probes", blind=True),
        "probe_policy": Policy("a policy trained on generated devices that reads ten probes"),
        "modnas": Modnas(),
        "help": Help(),
        "estimate": Estimate(),
        "active": Active("cost model fitted to the probes, then to networks where the front is unsure; its front"),
        "hedged": Hedged("as active, and the fronts of four devices that are as likely after the measurements"),
        "own_process": Active(
            "Gaussian process on the device's own times alone, measured where the front is unsure",
            own_process,
        ),
        "random_search": RandomSearch(),
        "local_search": LocalSearch(),
    }
)

__getattr__, __dir__ = submodules(__name__)
