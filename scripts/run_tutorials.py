"""Runs the tutorials, docs/tutorials/*.ipynb, and writes what their cells print and draw into them.

    python scripts/run_tutorials.py [NOTEBOOK ...]

No kernel is needed. A notebook's cells run one after the other in a process of their own, in an empty folder, and show
what Jupyter would: what they print, the last expression, and figures of matplotlib's pyplot.
"""

from __future__ import annotations

import argparse
import ast
import base64
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
#: In the order in which they are to be read.
TUTORIALS: Final = tuple(
    ROOT / "docs" / "tutorials" / f"{name}.ipynb"
    for name in (
        *("first_steps", "train_an_agent", "one_policy_for_a_front"),
        *("new_controller", "own_device", "certificates"),
    )
)
#: Seconds that a notebook may take.
_PATIENCE: Final = 300
_DPI: Final = 100
#: The one command of Jupyter that cells may begin with: the rest of the cell becomes a file.
_FILE: Final = re.compile(r"%%writefile (\S+)\n")
#: What the package says to those who wait, on slow machines.
_PATIENT: Final = re.compile(r"^anb_gym: .*\n", re.MULTILINE)
_NUMBER: Final = re.compile(r"\d[\d,]*(\.\d+)?")

Output = dict[str, Any]
Notebook = dict[str, Any]


def main() -> None:
    """Runs the notebooks that are named, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("notebooks", type=Path, nargs="*", default=TUTORIALS, metavar="NOTEBOOK")
    parser.add_argument("--cells-into", type=Path, help=argparse.SUPPRESS)  # what `outputs_of` starts
    options = parser.parse_args()
    if options.cells_into:
        sources = [text(cell["source"]) for cell in code_cells(read(options.notebooks[0]))]
        options.cells_into.write_text(json.dumps(_run(sources)), encoding="utf-8")
        return
    for path in options.notebooks:
        notebook = read(path)
        with tempfile.TemporaryDirectory() as folder:
            home = {"ANB_GYM_HOME": str(Path(folder, "home"))}
            made = outputs_of(path, Path(folder), environment={**os.environ, **home})
        for number, (cell, outputs) in enumerate(zip(code_cells(notebook), made, strict=True), 1):
            cell |= {"execution_count": number, "outputs": outputs}
        new = path.with_name(f".{path.name}.{os.getpid()}")
        new.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        new.replace(path)
        print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


def read(path: Path) -> Notebook:
    """A notebook as it is stored: the fields of nbformat 4."""
    notebook: Notebook = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def code_cells(notebook: Notebook) -> list[dict[str, Any]]:
    """Its cells that run."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def text(lines: str | Sequence[str]) -> str:
    """A text of a notebook, which may be stored as lines."""
    return lines if isinstance(lines, str) else "".join(lines)


def printed(outputs: Sequence[Output]) -> str:
    """All text that outputs show."""
    shown = (output.get("text") or [*output["data"].get("text/plain", ()), "\n"] for output in outputs)
    return "".join(map(text, shown))


def pictures(outputs: Sequence[Output]) -> list[bytes]:
    """All pictures that outputs show, as PNG."""
    return [
        base64.b64decode(output["data"]["image/png"]) for output in outputs if "image/png" in output.get("data", ())
    ]


def differences(notebook: Notebook, made: Sequence[Sequence[Output]]) -> list[str]:
    """How outputs differ from those that a notebook has, one text for each cell.

    In cells with the tag ``varies`` numbers may be others: trainings are not the same to the bit on all machines. Of
    pictures their number counts.
    """
    found = []
    for number, (cell, outputs) in enumerate(zip(code_cells(notebook), made, strict=True), 1):
        stored, new = printed(cell["outputs"]), printed(outputs)
        same = (lambda shown: _NUMBER.sub("#", shown)) if "varies" in cell["metadata"].get("tags", ()) else str
        if same(stored) != same(new):
            found.append(f"cell [{number}] has\n{stored}\nbut shows\n{new}")
        elif len(pictures(cell["outputs"])) != len(pictures(outputs)):
            found.append(f"cell [{number}] draws {len(pictures(outputs))} pictures")
    return found


def outputs_of(
    path: Path, folder: Path, python: str | Path = sys.executable, environment: Mapping[str, str] | None = None
) -> list[list[Output]]:
    """What each cell of a notebook shows when it is run.

    Args:
        path: The notebook.
        folder: Where, an empty folder.
        python: Which Python, with the package installed.
        environment: Variables, by default this process's.

    Raises:
        RuntimeError: A cell fails, or warns.
    """
    here, into = folder / "here", folder / "outputs.json"
    here.mkdir(parents=True)
    run = subprocess.run(
        [str(python), "-P", str(Path(__file__).resolve()), str(path.resolve()), "--cells-into", str(into.resolve())],
        cwd=here,
        env={**(os.environ if environment is None else environment), "MPLBACKEND": "Agg", "PYTHONHASHSEED": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=_PATIENCE,
    )
    said = _PATIENT.sub("", run.stderr)
    if run.returncode or said:
        raise RuntimeError(f"{path.name} says\n{said[-4000:]}")
    outputs: list[list[Output]] = json.loads(into.read_text(encoding="utf-8"))
    return outputs


def _run(sources: Sequence[str]) -> list[list[Output]]:
    sys.path.insert(0, "")  # files that cells have written can be imported
    namespace: dict[str, Any] = {"__name__": "__main__"}
    return [_outputs(source, namespace, number) for number, source in enumerate(sources, 1)]


def _outputs(source: str, namespace: dict[str, Any], number: int) -> list[Output]:
    with redirect_stdout(io.StringIO()) as out:
        value = _execute(source, namespace, f"<cell [{number}]>")
    outputs: list[Output] = []
    if out.getvalue():
        lines = out.getvalue().splitlines(keepends=True)
        outputs.append({"name": "stdout", "output_type": "stream", "text": lines})
    if value is not None:
        shown = {"data": {"text/plain": [repr(value)]}, "execution_count": number, "metadata": {}}
        outputs.append({"output_type": "execute_result", **shown})
    for data in _drawn():
        outputs.append({"output_type": "display_data", "data": {"image/png": data}, "metadata": {}})
    return outputs


def _execute(source: str, namespace: dict[str, Any], name: str) -> Any:
    """Runs a cell, and returns the value of its last line, if that is an expression without a semicolon behind it."""
    if file := _FILE.match(source):
        Path(file[1]).write_text(source[file.end() :].rstrip("\n") + "\n", encoding="utf-8")
        print(f"Writing {file[1]}")
        return None
    tree = ast.parse(source, name)
    last = tree.body[-1]
    if not isinstance(last, ast.Expr) or source.rstrip().endswith(";"):
        exec(compile(tree, name, "exec"), namespace)
        return None
    exec(compile(ast.Module(tree.body[:-1], []), name, "exec"), namespace)
    return eval(compile(ast.Expression(last.value), name, "eval"), namespace)


def _drawn() -> list[str]:
    """The open figures, which are closed then."""
    if (pyplot := sys.modules.get("matplotlib.pyplot")) is None:
        return []
    found = []
    for number in pyplot.get_fignums():
        buffer = io.BytesIO()
        pyplot.figure(number).savefig(buffer, format="png", dpi=_DPI)
        found.append(base64.b64encode(buffer.getvalue()).decode("ascii"))
    pyplot.close("all")
    return found


if __name__ == "__main__":
    main()
