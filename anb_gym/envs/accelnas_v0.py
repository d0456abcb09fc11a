"""Seven agents design one image classifier together, one block each, following PettingZoo.

## Description

Agent `block_0` decides block 0 of the network, `block_1` block 1, and so on; the network and the tasks are those of
`anb_gym.envs.build.BuildEnv`. `env()` is PettingZoo's AEC form: agents act in turn and see the blocks before their own.
`parallel_env()` is its Parallel form: all agents act at once, in the only step of an episode. `raw_env()` is `env()`
without PettingZoo's checks of the order of calls. `pettingzoo.utils.aec_to_parallel` of `env()` equals
`parallel_env()`, and `env()` equals one agent's `BuildEnv` with `granularity="block"`.

## Action Space

`Discrete(48)` for every agent, so that agents can share a policy: the state of the block, that is its combination of
expansion, kernel, layers and squeeze-excitation, the last running fastest. Six blocks have 36 states, `block_5` has 48.
Action a stands for state `a % states`, so every action is allowed; the mask shows those that name each state once.
It is in `infos[agent]["action_mask"]` (`int8`, as `Discrete.sample(mask=...)` takes it) and not in the observation,
because PettingZoo's own test suite warns about observations that are not arrays.

## Observation Space

`Box(0, 1, (107,), float32)` for every agent:

| Cells   | Content                                                                                         |
|---------|-------------------------------------------------------------------------------------------------|
| 0-70    | One-hot of every choice made, 3 + 2 + 3 + 2 cells per block (block 5: 3 + 2 + 4 + 2); else zero |
| 71-99   | One-hot of the number of choices made, 0 to 28                                                  |
| 100-106 | One-hot of the agent's block                                                                    |

`state()` is the first 100 cells, for training with a central critic.

## Rewards

The team's: every agent gets the same, 0 until the network is complete and then the task's reward, as for `BuildEnv`.
Then the info of every agent is the last info of `BuildEnv`: `architecture`, `index`, `metrics`, `raw_reward` and, if
the optimum is certified, `regret`; with noise also `exact_metrics` and `noise_seed`.

## Starting State

No choice is made. With `noise=True`, `reset` draws the seed of the episode's measurement noise. Options are ignored.

## Episode End

All agents terminate together when the network is complete; none is ever truncated.

## Arguments

| Argument       | Default     | Meaning                                                                       |
|----------------|-------------|-------------------------------------------------------------------------------|
| `task`         | `"VCK190"`  | Name in `anb_gym.tasks.TASKS`                                                 |
| `surrogate`    | `None`      | Family: `"gp"`, `"xgb"` or `"lgb"`; `None`: `"gp"`, the best                  |
| `reward`       | `"product"` | As for `BuildEnv`: a name or a function                                       |
| `reward_scale` | `"unit"`    | `"unit"` or `"raw"`                                                           |
| `target`       | `None`      | Target or bound of the reward in the device metric's unit; `None`: the task's |
| `weights`      | `None`      | Weights of `"weighted"` and `"chebyshev"`; `None`: equal ones                 |
| `noise`        | `False`     | Whether metrics show the noise of one measurement                             |
| `render_mode`  | `None`      | `None`, `"human"` to print a table, `"ansi"` to return it, or `"rgb_array"`   |

The extra `multiagent` installs PettingZoo; a picture needs the extra `render`.

```python
>>> from anb_gym.envs import accelnas_v0
>>> env = accelnas_v0.env(task="A100")
>>> env.reset(seed=0)
>>> for agent in env.agent_iter():
...     observation, reward, termination, truncation, info = env.last()
...     env.step(None if termination else env.action_space(agent).sample(mask=info["action_mask"]))
>>> sorted(info)
['architecture', 'index', 'metrics', 'raw_reward', 'regret']

```

## Version History

* v0: First version.
"""

from __future__ import annotations

from anb_gym._extras import require

require("pettingzoo", "multiagent")

from anb_gym.envs.multi_agent import env, parallel_env, raw_env  # noqa: E402 - the error above names the extra

__all__ = ["env", "parallel_env", "raw_env"]
