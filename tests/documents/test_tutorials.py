"""The tutorials run from the wheel with the extras that they name, and show what is stored in them."""

import copy
import json
import re
from pathlib import Path

import pytest
from installation import Installation
from loading import load_script

TUTORIALS = sorted((Path(__file__).parents[2] / "docs" / "tutorials").glob("*.ipynb"))
script = load_script("run_tutorials")


def test_all_are_known() -> None:
    assert sorted(script.TUTORIALS) == TUTORIALS
    assert len(TUTORIALS) == 6


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_it_shows_what_is_stored(path: Path, installation: Installation, tmp_path: Path) -> None:
    notebook = script.read(path)
    named = re.search(r"`pip install 'anb_gym\[([\w,]+)\]'`", script.text(notebook["cells"][0]["source"]))
    assert named, "the first cell says what to install"
    environment = installation.environment(named[1].split(","), tmp_path / "home")
    made = script.outputs_of(path, tmp_path, installation.bin / "python", environment)
    assert script.differences(notebook, made) == [], f"if that is right: python scripts/run_tutorials.py {path}"
    assert installation.changed() == set()


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_it_is_a_small_notebook(path: Path) -> None:
    assert path.stat().st_size < 300_000
    notebook = script.read(path)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    cells = notebook["cells"]
    ids = [cell["id"] for cell in cells]
    assert len({*ids}) == len(ids)
    for cell in cells:
        code = cell["cell_type"] == "code"
        assert code or cell["cell_type"] == "markdown"
        more = {"execution_count", "outputs"} if code else set()
        assert cell.keys() == {"cell_type", "id", "metadata", "source"} | more
    numbers = [cell["execution_count"] for cell in script.code_cells(notebook)]
    assert numbers == [*range(1, len(numbers) + 1)]
    shown = [script.pictures(cell["outputs"]) for cell in script.code_cells(notebook)]
    assert any(shown)
    assert all(picture.startswith(b"\x89PNG") for pictures in shown for picture in pictures)


def _notebook(folder: Path, *sources: str, tags: tuple[str, ...] = ()) -> Path:
    common = {"cell_type": "code", "metadata": {"tags": [*tags]}, "outputs": [], "execution_count": None}
    path = folder / "some.ipynb"
    path.write_text(json.dumps({"cells": [{**common, "source": source} for source in sources]}), encoding="utf-8")
    return path


def test_cells_show_what_jupyter_shows(tmp_path: Path) -> None:
    cells = (
        "%%writefile mine.py\nx = 6\n",
        "from mine import x\nprint('six')\nx + 1",
        "x;",
        "None",
        "class A: ...",
    )
    made = script.outputs_of(_notebook(tmp_path, *cells), tmp_path / "run")
    assert [script.printed(outputs) for outputs in made] == ["Writing mine.py\n", "six\n7\n", "", "", ""]
    assert made[1][1]["data"] == {"text/plain": ["7"]}


def test_figures_are_shown_once(tmp_path: Path) -> None:
    made = script.outputs_of(
        _notebook(tmp_path, "import matplotlib.pyplot as plt", "plt.subplots()\nplt.figure();", "1"), tmp_path / "run"
    )
    assert [len(script.pictures(outputs)) for outputs in made] == [0, 2, 0]


@pytest.mark.parametrize("cell", ["1 / 0", "import warnings\nwarnings.warn('no')"])
def test_errors_and_warnings_are_told(tmp_path: Path, cell: str) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)some.ipynb says.*(ZeroDivisionError|UserWarning)"):
        script.outputs_of(_notebook(tmp_path, "x = 1", cell), tmp_path / "run")


def test_differences_are_found(tmp_path: Path) -> None:
    def shows(text: str) -> list[list[dict[str, object]]]:
        return [[{"output_type": "stream", "name": "stdout", "text": [text]}]]

    notebook = script.read(_notebook(tmp_path, "print('regret 0.12')"))
    notebook["cells"][0]["outputs"] = shows("regret 0.12\n")[0]
    assert script.differences(notebook, shows("regret 0.12\n")) == []
    assert "regret 0.13" in script.differences(notebook, shows("regret 0.13\n"))[0]
    assert script.differences(notebook, [[*shows("regret 0.12\n")[0], {"data": {"image/png": ""}}]]) != []
    varying = copy.deepcopy(notebook)
    varying["cells"][0]["metadata"]["tags"] = ["varies"]
    assert script.differences(varying, shows("regret 0.13\n")) == []
    assert script.differences(varying, shows("reward 0.12\n")) != []
