"""Draws docs/images/architecture.svg from the code: rooms in the layers of pyproject.toml, and who imports whom.

An arrow leads from a room to one that it imports. Where a longer way says the same, the direct arrow is left out.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Final

from anb_gym._files import write_atomically

ROOT: Final = Path(__file__).resolve().parents[1]
PICTURE: Final = ROOT / "docs" / "images" / "architecture.svg"
#: Top-level folders that install as rooms of the package.
ELSEWHERE: Final = ("agents", "baselines")

_WIDTH, _HEIGHT, _GAP, _LEVEL, _MARGIN, _STAGGER = 216, 50, 16, 82, 16, 122


def rooms() -> dict[str, Path]:
    """The rooms of the package, by name: modules and folders, those whose name begins with ``_`` as one."""
    found = {path.stem: path for path in sorted((ROOT / "anb_gym").iterdir()) if _is_room(path)}
    return found | {name: ROOT / name for name in ELSEWHERE}


def purpose(room: str) -> str:
    """Content of a room: the first sentence of its docstring."""
    path = rooms()[room]
    text = ast.get_docstring(ast.parse((path if path.is_file() else path / "__init__.py").read_text())) or ""
    plain = re.sub(r":\w+:`~?([^`]*)`", r"\1", " ".join(text.split("\n\n")[0].split())).replace("``", "")
    first = re.split(r"[.;] ", plain)[0].rstrip(".")
    name, colon, rest = first.partition(": ")
    return rest[0].upper() + rest[1:] if colon and name.lower() == room else first


def imports() -> dict[str, set[str]]:
    """Imports of each room from other rooms, at run time."""
    known = rooms()
    found: dict[str, set[str]] = {}
    for room, path in known.items():
        files = [path] if path.is_file() else sorted(path.rglob("*.py"))
        names = {name for file in files for name in _imported(ast.parse(file.read_text()))}
        found[room] = {name for name in names if name in known} - {room}
    return found


def layers() -> list[list[str]]:
    """The rooms of every layer, the highest first; small rooms are left out."""
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    rows = [[name.strip(" ()") for name in line.replace(":", "|").split("|")] for line in contract["layers"]]
    known = rooms()
    return [row for row in ([name for name in row if name in known] for row in rows) if row]


def reduced(edges: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The edges of an acyclic graph without those that a longer way replaces; those of a cycle stay."""

    def reach(start: str, without: str) -> set[str]:
        seen: set[str] = set()
        waiting = [name for name in edges[start] if name != without]
        while waiting:
            if (name := waiting.pop()) not in seen and name != start:
                seen.add(name)
                waiting += edges[name]
        return seen

    return {room: {other for other in others if other not in reach(room, other)} for room, others in edges.items()}


def draw() -> str:
    """The picture, as SVG."""
    rows, edges = layers(), reduced(imports())
    widest = max(map(len, rows))
    width = 2 * _MARGIN + widest * _WIDTH + (widest - 1) * _GAP
    height = 2 * _MARGIN + (len(rows) - 1) * _LEVEL + _HEIGHT
    places = {}
    for level, row in enumerate(rows):
        # Layers of one room are set off by turns, so that arrows that pass them are seen.
        shift = (_STAGGER if level % 2 else -_STAGGER) if len(row) == 1 else 0
        left = (width - len(row) * _WIDTH - (len(row) - 1) * _GAP) / 2 + shift
        for column, room in enumerate(row):
            places[room] = (left + column * (_WIDTH + _GAP), _MARGIN + level * _LEVEL)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" font-family="sans-serif">',
        "<style>rect{fill:#eef3f8;stroke:#44607c}path{fill:none;stroke:#8a99a8;stroke-width:1.3}"
        "text{fill:#1d2b39;font-size:13px;text-anchor:middle}.what{font-size:9.5px;fill:#44607c}"
        "@media(prefers-color-scheme:dark){rect{fill:#22303d;stroke:#8fb0d0}text{fill:#e8eef4}.what{fill:#b9cbdc}}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        '<polygon points="0,0 8,4 0,8" fill="#8a99a8"/></marker></defs>',
    ]
    for room, (x, y) in places.items():
        for other in sorted(edges[room] & set(places)):
            parts.append(_arrow((x, y), places[other]))
    for room, (x, y) in places.items():
        parts.append(f'<rect x="{x:g}" y="{y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>')
        parts.append(f'<text x="{x + _WIDTH / 2:g}" y="{y + 18:g}">{room}</text>')
        for number, line in enumerate(_lines(purpose(room))):
            parts.append(
                f'<text class="what" x="{x + _WIDTH / 2:g}" y="{y + 32 + 12 * number:g}">{escape(line)}</text>'
            )
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Writes the picture."""
    write_atomically(PICTURE, draw().encode())


def _is_room(path: Path) -> bool:
    if path.name.startswith(("_", ".")):
        return False
    return path.suffix == ".py" if path.is_file() else (path / "__init__.py").exists()


def _imported(tree: ast.AST) -> Iterator[str]:
    """First names below ``anb_gym`` that a module imports, wherever, but for the eyes of a type checker."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("anb_gym."))
        elif isinstance(node, ast.ImportFrom) and node.module == "anb_gym":
            yield from (_HOMES.get(alias.name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("anb_gym."):
            yield str(node.module).split(".")[1]
        else:
            yield from _imported(node)


#: Where the names live that ``anb_gym`` itself offers.
_HOMES: Final = {
    "Architecture": "space",
    "Benchmark": "benchmark",
    "EFFICIENTNET_B0": "space",
    "Noise": "noise",
    "SPACE": "space",
    "make_problem": "envs",
}


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x0, y0), (x1, y1) = start, end
    if y0 == y1:  # within a layer
        side = 1 if x1 > x0 else -1
        first, last = x0 + (_WIDTH if side > 0 else 0), x1 + (0 if side > 0 else _WIDTH)
        return f'<path d="M{first:g},{y0 + _HEIGHT / 2:g} L{last:g},{y1 + _HEIGHT / 2:g}" marker-end="url(#tip)"/>'
    # Ends are spread over the box's edge, towards where the arrow comes from.
    shift = max(-60.0, min(60.0, (x1 - x0) / 6))
    first, last = (x0 + _WIDTH / 2 + shift, y0 + _HEIGHT), (x1 + _WIDTH / 2 - shift, y1 - 2)
    bend = (last[1] - first[1]) / 2
    curve = f"C{first[0]:g},{first[1] + bend:g} {last[0]:g},{last[1] - bend:g} {last[0]:g},{last[1]:g}"
    return f'<path d="M{first[0]:g},{first[1]:g} {curve}" marker-end="url(#tip)"/>'


def _lines(text: str, width: int = 42, most: int = 2) -> list[str]:
    """A text in lines, shortened."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    if len(lines) > most:
        lines = [*lines[: most - 1], f"{lines[most - 1][: width - 2]}…"]
    return lines


if __name__ == "__main__":
    main()
