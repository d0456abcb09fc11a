"""JSON, and the values of its objects by name and type."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import EllipsisType
from typing import Any, Final, TypeVar

from anb_gym._errors import one_line, printable, shown
from anb_gym._files.reading import TEXT_LIMIT, read_bytes, refusing

T = TypeVar("T")

_TYPES: Final[Mapping[type, str]] = {
    str: "text",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


def read_json(
    path: Path, error: type[Exception], *, limit: int = TEXT_LIMIT, optional: bool = False, where: object = None
) -> Any:
    """Reads a file of JSON, see :func:`read_bytes` and :func:`parse_json`.

    Args:
        path: The file.
        error: What is raised if anything is wrong with it.
        limit: How many bytes it may have.
        optional: Whether it may be missing, which is then a ``FileNotFoundError``.
        where: What errors of its content say in place of the path, such as how to go on.
    """
    return parse_json(read_bytes(path, error, limit=limit, optional=optional), where or path, error, limit=limit)


def read_object(
    path: Path, error: type[Exception], *, limit: int = TEXT_LIMIT, optional: bool = False, where: object = None
) -> Fields:
    """Reads a file of a JSON object, see :func:`read_json`."""
    return Fields(read_json(path, error, limit=limit, optional=optional, where=where), where or path, error)


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
            value = json.loads(text, object_pairs_hook=_object)
        except json.JSONDecodeError as problem:
            raise ValueError(f"it is not JSON: {problem}") from None
        if place := _bad_number(value):
            raise ValueError(f"{place[0].lstrip('.') or 'it'} must be finite and of at most 64 bits, got {place[1]}")
        return value


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

    def check_schema(self, *versions: int) -> None:
        """Raises if the field ``schema`` is none of these versions."""
        found = self.content.get("schema")
        if isinstance(found, bool) or found not in versions:
            known = " and ".join(map(str, versions))
            raise self.refusal(f"it has schema {shown(found)}, this version of anb_gym reads schema {known}")

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


def _bad_number(value: Any) -> tuple[str, str] | None:
    """Place and text of a number that is not finite or has more than 64 bits."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if found := _bad_number(item):
                return (f".{key}" if isinstance(key, str) else f"[{key}]") + found[0], found[1]
    elif isinstance(value, int | float) and not (math.isfinite(value) if isinstance(value, float) else _fits(value)):
        return "", shown(value)
    return None


def _fits(value: int) -> bool:
    return -(2**63) <= value < 2**64
