"""Reinforcement-learning agents: one protocol, one registry, and the agents that ship.

An :class:`Agent` trains on an environment id with a budget and a seed, acts on observations, and designs
architectures. :func:`train` trains one by its name, into a folder or not; :func:`load` reads it again::

    agent, evaluations = anb_gym.agents.train("policy_gradient", "AccelNAS-VCK190-v0", 1000, seed=0)
    agent.design(greedy=True)
"""

from anb_gym._lazy import submodules

__getattr__, __dir__ = submodules(
    __name__,
    "agents",
    names={
        "agent": ("Agent", "ArchitectureAgent", "Assignment"),
        "designs": ("Designs",),
        "evaluations": ("Evaluations",),
        "registry": ("AGENTS", "make_agent"),
        "running": ("load", "train"),
        "saving": ("AgentError",),
        "few_shot": ("Adapted", "adapt"),
        "pretraining": ("load_pretrained", "load_probe_agent"),
        "probe_policy": ("ProbePolicy",),
        "scores": ("Score", "score_agent"),
        "training": ("BudgetSpent", "Training"),
    },
)
