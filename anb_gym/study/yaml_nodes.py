"""YAML whose every value knows its file and line, so that an error can say where it is."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anb_gym._errors import choose, integer, one_line
from anb_gym._extras import needing
from anb_gym._files import compose_yaml
from anb_gym._files.yaml_files import syntax_error

with needing("study"):
    import yaml


class ConfigError(ValueError):
    """A configuration file says something that it may not say; the message begins with file and line."""


def read(path: Path) -> Node:
    """Reads a YAML file of one document.

    Raises:
        FileNotFoundError: There is none.
        ConfigError: It cannot be read, is not YAML, or empty.
    """
    root = compose_yaml(path, ConfigError, extra="study", optional=True)
    if root is None:
        raise ConfigError(f"{path}:1: the file is empty")
    return Node(path, root)


@dataclass(frozen=True)
class Node:
    """A value in a YAML file.

    Attributes:
        path: The file.
        node: What the parser made of it.
    """

    path: Path
    node: yaml.Node

    def error(self, message: object) -> ConfigError:
        """An error about this value, to be raised."""
        return ConfigError(f"{self.path}:{self.node.start_mark.line + 1}: {message}")

    @contextmanager
    def located(self) -> Iterator[None]:
        """Turns a ``ValueError`` into one that says where this value is."""
        try:
            yield
        except ConfigError:
            raise
        except ValueError as error:
            raise self.error(error) from error

    @property
    def is_text(self) -> bool:
        """Whether it is text."""
        return isinstance(self.node, yaml.ScalarNode) and self.node.tag == "tag:yaml.org,2002:str"

    def fields(self, known: Collection[str] | None = None, required: Collection[str] = ()) -> dict[str, Node]:
        """The fields of a mapping.

        Args:
            known: Names that it may have; None for any.
            required: Names that it must have.

        Raises:
            ConfigError: It is not a mapping, or a field is not known or missing.
        """
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error(f"expected fields such as 'name: value', got {self.plain()!r}")
        try:
            _Constructor().flatten_mapping(self.node)  # what `<<: *anchor` stands for
        except yaml.MarkedYAMLError as error:
            raise syntax_error(self.path, error, ConfigError) from None
        result = {}
        for key, value in self.node.value:
            name = Node(self.path, key)
            if not name.is_text:
                raise name.error(f"the name of a field must be text, got {name.plain()!r}")
            if known is not None:
                with name.located():
                    choose(name.plain(), known, "the field")
            result[str(key.value)] = Node(self.path, value)
        if missing := [field for field in required if field not in result]:
            raise self.error(f"the field {missing[0]!r} is missing")
        return result

    def items(self, name: str) -> list[Node]:
        """The items of a list that has some."""
        if not isinstance(self.node, yaml.SequenceNode) or not self.node.value:
            raise self.error(f"{name} must be a list with one item or more, got {self.plain()!r}")
        return [Node(self.path, item) for item in self.node.value]

    def text(self, name: str) -> str:
        """Text that is not empty."""
        value = self.plain()
        if not isinstance(value, str) or not value:
            raise self.error(f"{name} must be text, got {value!r}")
        return value

    def boolean(self, name: str) -> bool:
        """True or false."""
        value = self.plain()
        if not isinstance(value, bool):
            raise self.error(f"{name} must be true or false, got {value!r}")
        return value

    def integer(self, name: str, low: int, high: int) -> int:
        """An integer in low..high."""
        with self.located():
            return integer(self.plain(), low, name, high)

    def number(self, name: str, low: float) -> float:
        """A finite number of at least ``low``."""
        value = self.plain()
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value < math.inf:
            hint = "; YAML reads 1e3 as text, write 1.0e+3" if isinstance(value, str) else ""
            raise self.error(f"{name} must be a finite number of at least {low:g}, got {value!r}{hint}")
        return float(value)

    def data(self, name: str) -> Any:
        """Any value that JSON can hold: numbers, text, lists, mappings, true, false, null."""
        value = self.plain()
        try:
            return json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError):
            raise self.error(
                f"{name} must be made of finite numbers, text, lists and mappings, got {value!r}"
            ) from None

    def plain(self) -> Any:
        """The value as Python has it."""
        try:
            return _Constructor().construct_document(self.node)
        except yaml.MarkedYAMLError as error:
            raise syntax_error(self.path, error, ConfigError) from None
        except Exception as error:  # such as the date 2024-13-45; PyYAML's constructors raise what they happen to
            raise self.error(one_line(str(error)) or type(error).__name__) from None


class _Constructor(yaml.constructor.SafeConstructor):
    """Makes values of nodes, none of them objects of a program."""
