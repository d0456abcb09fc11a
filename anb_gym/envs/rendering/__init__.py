"""Drawings of a network while it is being built or changed: a table of text, or a picture without a window."""

from anb_gym.envs.rendering.modes import render
from anb_gym.envs.rendering.picture import picture
from anb_gym.envs.rendering.reference import Reference, reference
from anb_gym.envs.rendering.text import text_table

__all__ = ["Reference", "picture", "reference", "render", "text_table"]
