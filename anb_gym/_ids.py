"""Environment ids and the names of tasks in them: what a device of one's own must not be called."""

from __future__ import annotations

import re
from typing import Final

#: The ids of a task by the form in which it is asked.
FORMS: Final = {
    "scalar": "AccelNAS-{task}-v{version}",
    "vector reward": "AccelNAS-{task}-MO-v{version}",
    "preference": "AccelNAS-{task}-Preference-v{version}",
    "constrained": "AccelNAS-{task}-Constrained-v{version}",
    "bound": "AccelNAS-{task}-Bound-v{version}",
    "edit": "AccelNAS-Edit-{task}-v{version}",
}
#: The id whose task changes from episode to episode.
TRANSFER: Final = "AccelNAS-Transfer-v0"
#: The ids whose device does not exist and changes from episode to episode, by form.
GENERATED: Final = {
    form: FORMS[form].format(task="Generated", version=0)
    for form in ("scalar", "vector reward", "preference", "constrained")
}
#: The id whose device is measured in the episode.
PROBE: Final = "AccelNAS-Probe-v0"
#: The id whose episodes buy evaluations at two fidelities.
TWO_FIDELITY: Final = "AccelNAS-TwoFidelity-v0"
#: The task and the id with bounds on several devices at once.
BOUNDS_TASK: Final = "Bounds"
BOUNDS: Final = FORMS["scalar"].format(task=BOUNDS_TASK, version=0)
#: Tasks of a device: its label, for latency with a word.
THROUGHPUT_TASK: Final = "{label}"
LATENCY_TASK: Final = "{label}-Latency"
#: Tasks of no device.
ACCURACY_TASK: Final = "Accuracy"
ALL_TASK: Final = "All"
#: A task with accuracy under the reference scheme.
REFERENCE_TASK: Final = "Reference-{task}"


def is_word(label: str) -> bool:
    """Whether ids are made of a word, in whatever case: as a device's label it could lead to an id twice."""
    texts = (
        *FORMS.values(),
        TRANSFER,
        *GENERATED.values(),
        PROBE,
        TWO_FIDELITY,
        BOUNDS,
        LATENCY_TASK,
        ACCURACY_TASK,
        ALL_TASK,
        REFERENCE_TASK,
    )
    words = {word.lower() for text in texts for word in text.split("-") if "{" not in word}
    return label.lower() in words or re.fullmatch("v[0-9]+", label.lower()) is not None
