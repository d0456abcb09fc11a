"""YAML of a limited size, however its aliases multiply."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from anb_gym._errors import one_line, printable, shown
from anb_gym._extras import require
from anb_gym._files.reading import read_text, refusing

if TYPE_CHECKING:
    from yaml import MarkedYAMLError, Node

#: Bytes that a file may have: people write them.
LIMIT: Final = 2**20
#: Values that a file may have, each alias counted as all that it stands for.
_VALUES: Final = 100_000


def read_yaml(path: Path, error: type[Exception], *, extra: str, optional: bool = False) -> Any:
    """Reads a YAML file: plain values, no field twice, integers of at most 64 bits; None if it is empty.

    Args:
        path: The file.
        error: What is raised if anything is wrong with it.
        extra: The extra that installs PyYAML.
        optional: Whether it may be missing, which is then a ``FileNotFoundError``.
    """
    root = compose_yaml(path, error, extra=extra, optional=optional)
    yaml = require("yaml", extra)
    with refusing(path, error):
        try:
            return None if root is None else yaml.constructor.SafeConstructor().construct_document(root)
        except yaml.MarkedYAMLError as problem:
            raise syntax_error(path, problem, error) from problem


def compose_yaml(path: Path, error: type[Exception], *, extra: str, optional: bool = False) -> Node | None:
    """The nodes of a YAML file, which know their lines, checked as :func:`read_yaml` checks; None if it is empty."""
    text = read_text(path, error, limit=LIMIT, optional=optional)
    yaml = require("yaml", extra)
    with refusing(path, error):
        try:
            root: Node | None = yaml.compose(text, yaml.SafeLoader)
        except yaml.MarkedYAMLError as problem:
            raise syntax_error(path, problem, error) from problem
        if root is not None:
            _Count(path, error, yaml).of(root)
        return root


def syntax_error(path: Path, problem: MarkedYAMLError, error: type[Exception]) -> Exception:
    """The parser's error with its line, to be raised."""
    mark = problem.problem_mark or problem.context_mark
    where = f"{path}:{mark.line + 1}" if mark else str(path)
    return error(f"{printable(where)}: {one_line(str(problem.problem or problem.context))}")


class _Count:
    """Counts the values of nodes, aliases multiplied out, and checks them on the way."""

    def __init__(self, path: Path, error: type[Exception], yaml: ModuleType) -> None:
        self._path, self._error, self._yaml = path, error, yaml
        self._counts: dict[Node, int] = {}  # 0 while the count is under way

    def of(self, node: Node) -> int:
        """Number of values that a node stands for."""
        if node in self._counts:  # an alias is the same node again
            if not self._counts[node]:
                raise self._refusal(node, "an alias must not stand for what it is in")
            return self._counts[node]
        self._counts[node], count = 0, 1
        if isinstance(node, self._yaml.ScalarNode):
            self._check_integer(node)
        elif isinstance(node, self._yaml.SequenceNode):
            count += sum(map(self.of, node.value))
        else:
            count += sum(self.of(key) + self.of(value) for key, value in node.value)
            self._check_names(node)
        if count > _VALUES:
            raise self._refusal(node, f"there must be at most {_VALUES:,} values, aliases multiplied out")
        self._counts[node] = count
        return count

    def _check_names(self, node: Node) -> None:
        """Raises if a field is there twice, of which YAML would take the last."""
        names = set()
        for key, _ in node.value:
            if isinstance(key, self._yaml.ScalarNode):
                if key.value in names:
                    raise self._refusal(key, f"the field {shown(key.value)} is there twice")
                names.add(key.value)

    def _check_integer(self, node: Node) -> None:
        if node.tag != "tag:yaml.org,2002:int":
            return
        # The longest is binary, a sign, 0b and 64 digits, and perhaps some _ between them.
        if len(node.value) > 100 or abs(self._yaml.SafeLoader("").construct_yaml_int(node)) >= 2**64:
            raise self._refusal(node, f"integers must have at most 64 bits, got {one_line(node.value[:80])}")

    def _refusal(self, node: Node, reason: str) -> Exception:
        return self._error(f"{printable(str(self._path))}:{node.start_mark.line + 1}: {reason}")
