"""JSON, and the values of its objects by name and type."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import EllipsisType
from typing import Any, Final, TypeVar

from anb_gym._errors import one_line, printable
from anb_gym._files.reading import TEXT_LIMIT, read_bytes, refusing, shown

T = TypeVar("T")

_TYPES: Final[Mapping[type, str]] = {
    str: "text",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


def read_json(path: Path, error: type[Exception], *, limit: int = TEXT_LIMIT, optional: bool = False) -> Any:
    """Reads a file of JSON, see :func:`read_bytes` and :func:`parse_json`."""
    return parse_json(read_bytes(path, error, limit=limit, optional=optional), path, error, limit=limit)


def read_object(path: Path, error: type[Exception], *, limit: int = TEXT_LIMIT, optional: bool = False) -> Fields:
    """Reads a file of a JSON object, see :func:`read_json`."""
    return Fields(read_json(path, error, limit=limit, optional=optional), path, error)


def parse_json(data: bytes | str, where: object, error: type[Exception], *, limit: int = TEXT_LIMIT) -> Any:
    """Reads JSON as the standard has it: finite numbers, no field twice; integers that 64 bits hold.

    Args:
        data: The text; bytes are in UTF-8.
        where: What errors call it.
        error: What is raised if anything is wrong with it.
        limit: How many bytes or characters it may have.
    """
    with refusing(where, error):
        if len(data) > limit:
            raise ValueError(f"it must have at most {limit:,} bytes, it has {len(data):,}")
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        try:
            return json.loads(
                text, object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_float
            )
        except json.JSONDecodeError as problem:
            raise ValueError(f"it is not JSON: {problem}") from None


@dataclass(frozen=True)
class Fields:
    """A JSON object that was read: its values by name and type.

    Attributes:
        content: The object.
        where: What errors call it, such as its file.
        error: What is raised if it is not an object, or a field is missing or of another type.
    """

    content: Mapping[str, Any]
    where: object
    error: type[Exception]

    def __post_init__(self) -> None:
        if not isinstance(self.content, dict):
            raise self.error(f"{printable(str(self.where))}: it must be an object, got {shown(self.content)}")

    def __contains__(self, name: str) -> bool:
        return name in self.content

    def get(self, name: str, kind: type[T], default: T | EllipsisType = ...) -> T:
        """A field.

        Args:
            name: Its name.
            kind: ``str``, ``int``, ``float`` (which integers are too), ``bool``, ``list`` or ``dict``.
            default: What a field that is missing has; without one it must be there. Null is not missing.
        """
        if name not in self.content:
            if default is not ...:
                return default
            raise self.refusal(f"the field {name!r} is missing")
        return self._typed(self.content[name], kind, repr(name))

    def items(self, name: str, kind: type[T]) -> list[T]:
        """A field that is a list, whose items have one type."""
        return [self._typed(item, kind, f"{name}[{i}]") for i, item in enumerate(self.get(name, list))]

    def lists(self, name: str, kind: type[T]) -> list[list[T]]:
        """A field that is a list of lists, whose items have one type."""
        rows = enumerate(self.items(name, list))
        return [[self._typed(item, kind, f"{name}[{i}]") for item in row] for i, row in rows]

    def fields(self, name: str) -> Fields:
        """A field that is an object itself."""
        return Fields(self.get(name, dict), f"{self.where}: {name}", self.error)

    def check_schema(self, version: int) -> None:
        """Raises if the field ``schema`` is not this version."""
        found = self.content.get("schema")
        if isinstance(found, bool) or found != version:
            raise self.refusal(f"it has schema {shown(found)}, this version of anb_gym reads schema {version}")

    def refusal(self, reason: object) -> Exception:
        """An error about this object, to be raised."""
        return self.error(f"{printable(str(self.where))}: {one_line(str(reason))}")

    def _typed(self, value: Any, kind: type[T], name: str) -> T:
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)  # type: ignore[return-value]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.refusal(f"{name} must be {_TYPES.get(kind, kind.__name__)}, got {shown(value)}")
        return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"a field occurs twice among {shown(names)}")
    return result


def _integer(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= (value := int(text)) < 2**64:
        raise ValueError(f"integers must have at most 64 bits, got {shown(text)}")
    return value


def _float(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"numbers must be finite, got {shown(text)}")
    return value
