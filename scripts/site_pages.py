"""Pages of the documentation site that are not in docs/: hooks of MkDocs, which `scripts/site.sh` runs.

The start is README.md, tutorials are notebooks, the API's pages list what the package's modules offer, tables of
leaderboards are read from their result files, and files of the checkout that pages link to become pages themselves. So
the pages in docs/ read the same on a forge and on the site.
"""

from __future__ import annotations

import base64
import json
import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pandas as pd
from mkdocs.structure.files import File

from anb_gym.reports.markdown import table

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
#: Where mkdocstrings reads the package as it is installed: some of its folders lie at the top of the checkout.
SOURCE: Final = ROOT / "build" / "site" / "source"
#: Modules of the API, in the order of the site.
MODULES: Final = (
    *("anb_gym", "anb_gym.benchmark", "anb_gym.space", "anb_gym.metrics", "anb_gym.tasks", "anb_gym.noise"),
    *("anb_gym.envs", "anb_gym.problems", "anb_gym.rewards", "anb_gym.calibration", "anb_gym.fronts", "anb_gym.exact"),
    *("anb_gym.pareto", "anb_gym.agents", "anb_gym.baselines", "anb_gym.study", "anb_gym.surrogates"),
    *("anb_gym.robustness", "anb_gym.devices", "anb_gym.hardware", "anb_gym.construction", "anb_gym.complexity"),
    *("anb_gym.torch", "anb_gym.jax"),
)
#: Pages that draw themselves, and folders that pages link to with what the site has in their place.
_INTERACTIVE: Final = ("leaderboard.html", "leaderboard_search.html")
_FOLDERS: Final = {
    **dict.fromkeys(("leaderboard", "leaderboard_search"), "leaderboards/controllers.md"),
    "tutorials": "tutorials/first_steps.md",
}
_LINK: Final = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
_CODE: Final = re.compile(r"^( *)(```|~~~).*?^\1\2[`~]*$", re.MULTILINE | re.DOTALL)
_FOR_TESTS: Final = re.compile(r"^ *# (?:Not run in tests|In tests): .*\n", re.MULTILINE)


def on_startup(**_: Any) -> None:
    """Makes the explorer's tables, and copies the package, which mkdocstrings wants before it is configured."""
    subprocess.run([sys.executable, ROOT / "scripts" / "make_explorer.py", "--if-needed"], check=True)
    shutil.rmtree(SOURCE, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__", "*.npz", "*.json", "artefacts", "shipped", "pretrained")
    shutil.copytree(ROOT / "anb_gym", SOURCE / "anb_gym", ignore=ignore)
    for folder in ("agents", "baselines", "configs"):
        shutil.copytree(ROOT / folder, SOURCE / "anb_gym" / folder, ignore=ignore)
    for path in SOURCE.rglob("*.py"):  # mkdocstrings knows examples by another name
        path.write_text(re.sub(r"^( +)Example:$", r"\1Examples:", path.read_text("utf-8"), flags=re.MULTILINE), "utf-8")


def on_config(config: Any) -> Any:
    """Lists the API's pages."""
    pages = ["api/index.md", *({name: f"api/{name}.md"} for name in MODULES)]
    config.nav = [{"API": pages} if "API" in part else part for part in config.nav]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Adds what is made here."""
    for name in _INTERACTIVE:  # beside the page with the same name
        files.append(File.generated(config, f"interactive/{name}", content=(DOCS / name).read_bytes()))
    for uri, content in {**made(), **tutorials()}.items():
        files.append(File.generated(config, uri, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Leads links to files of the checkout to their pages, and drops what blocks say to tests."""
    here = posixpath.dirname(page.file.src_uri)
    if page.file.src_uri not in _moved():  # those were written with links of the site
        markdown = _relinked(markdown, posixpath.join("docs", here), here)
    return _CODE.sub(lambda block: _FOR_TESTS.sub("", block[0]), markdown)


def made() -> dict[str, str]:
    """The pages that are made, by their place on the site."""
    pages = {uri: _relinked(path.read_text(encoding="utf-8"), "", "") for uri, path in _moved().items()}
    pages |= {"leaderboards/controllers.md": _controllers(), "leaderboards/policies.md": _policies()}
    pages["api/index.md"] = _api_index()
    owners = _owners()
    pages |= {f"api/{name}.md": _api(name, owners) for name in MODULES}
    linked: set[str] = set()
    todo = [*_moved().values(), *DOCS.rglob("*.md")]
    while todo:
        new = set(_outside(todo.pop())) - linked
        linked |= new
        todo += [ROOT / target for target in new if target.endswith(".md")]
    return pages | {_source_uri(target): _source(target) for target in sorted(linked)}


# --- links -----------------------------------------------------------------------------------------------------------


def _moved() -> dict[str, Path]:
    """Pages at the top of the checkout, by their place on the site."""
    return {"index.md": ROOT / "README.md", **{name: ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md")}}


def _relinked(markdown: str, folder: str, here: str) -> str:
    """A page of a folder of the checkout with links as the site has them, seen from a place of the site."""

    def lead(link: re.Match[str]) -> str:
        if (target := _target(link[2], folder)) is None:
            return link[0]
        uri = target.removeprefix("docs/") if target.startswith("docs/") else _uri(target)
        uri = re.sub(r"\.ipynb$", ".md", uri)  # tutorials are pages
        uri = f"interactive/{uri}" if uri in _INTERACTIVE else _FOLDERS.get(uri, uri)
        return f"{link[1]}{posixpath.relpath(uri, here or '.')}{link[3]}"

    blocks = [(block.start(), block.end()) for block in _CODE.finditer(markdown)]
    return _LINK.sub(lambda link: link[0] if any(a <= link.start() < b for a, b in blocks) else lead(link), markdown)


def _target(link: str, folder: str) -> str | None:
    """The path in the checkout that a link leads to; None if that is none."""
    if "://" in link or link.startswith(("mailto:", "#")):
        return None
    target = posixpath.normpath(posixpath.join(folder, link))
    return target if (ROOT / target).exists() else None


def _uri(target: str) -> str:
    names = {path.relative_to(ROOT).as_posix(): uri for uri, path in _moved().items()}
    return names.get(target) or _source_uri(target)


def _outside(page: Path) -> Iterator[str]:
    """Paths of the checkout outside docs/ that a page links to."""
    folder = page.parent.relative_to(ROOT).as_posix()
    for link in _LINK.finditer(page.read_text(encoding="utf-8")):
        target = _target(link[2], folder)
        if target and target != "docs" and not target.startswith("docs/") and _uri(target).startswith("source/"):
            yield target


def _source_uri(target: str) -> str:
    return f"source/{target}.md"


def _source(target: str) -> str:
    """A file of the checkout as a page, or the list of a folder's files."""
    path = ROOT / target
    if path.is_dir():
        names = sorted(p.name + "/" * p.is_dir() for p in path.iterdir() if not p.name.startswith(("__pycache__", ".")))
        return "\n".join([f"# {target}", "", *(f"- `{name}`" for name in names), ""])
    if path.suffix == ".md":
        return _relinked(
            path.read_text(encoding="utf-8"), posixpath.dirname(target), f"source/{posixpath.dirname(target)}"
        )
    language = {".py": "python", ".yaml": "yaml", ".toml": "toml", ".sh": "bash"}.get(path.suffix, "text")
    return f"# {target}\n\n````{language}\n{path.read_text(encoding='utf-8')}\n````\n"


# --- tutorials -------------------------------------------------------------------------------------------------------


def tutorials() -> dict[str, str | bytes]:
    """The notebooks as pages, and the pictures in them, by their place on the site."""
    made: dict[str, str | bytes] = {}
    for path in sorted((DOCS / "tutorials").glob("*.ipynb")):
        parts, pictures = [], 0
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                parts.append(source)
                continue
            parts.append(_fenced("yaml" if re.match(r"%%writefile \S+\.yaml\n", source) else "python", source))
            for output in cell["outputs"]:
                data = output.get("data", {})
                if shown := "".join(output.get("text", data.get("text/plain", ()))):
                    parts.append(_fenced("text", shown))
                if "image/png" in data:
                    pictures += 1
                    name = f"{path.stem}_{pictures}.png"
                    made[f"tutorials/{name}"] = base64.b64decode(data["image/png"])
                    parts.append(f"![What the cell draws]({name})")
        parts.append(f'<a href="{path.name}" download>This page as a notebook</a>')
        made[f"tutorials/{path.stem}.md"] = "\n\n".join(parts) + "\n"
    return made


def _fenced(language: str, code: str) -> str:
    return f"```{language}\n{code.rstrip()}\n```"


# --- API -------------------------------------------------------------------------------------------------------------


def public(module: ModuleType) -> list[str]:
    """Names that a module offers: what it says, else its own classes and functions without an underscore."""
    if (said := getattr(module, "__all__", None)) is not None:
        return [name for name in said if not name.startswith("_")]
    found = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    return sorted(name for name in found if not name.startswith("_"))


def _api_index() -> str:
    rows = [[f"[{name}]({name}.md)", _first_line(import_module(name))] for name in MODULES]
    return "\n".join(["# API", "", *table(["module", "what it is"], rows, numbers=False), ""])


def offered(name: str) -> dict[str, str]:
    """What a module offers: where each name is defined."""
    module = import_module(name)
    homes = {n: _home(name, n, getattr(module, n)) for n in public(module)}
    return homes | {n: f"{name}.environment.{n}" for n in _lazy(name)}


def _api(name: str, owners: dict[str, str]) -> str:
    """A module's page: what it offers, each on the page of one module, to which others lead."""
    lines, elsewhere = [f"# {name}", "", _first_line(import_module(name)), ""], []
    for n, home in offered(name).items():
        if owners[home] == name:
            lines += [f"::: {home}", ""]
        else:
            elsewhere.append(f"- `{n}`: [{home}]({owners[home]}.md#{home})")
    return "\n".join([*lines[:4], *elsewhere, "", *lines[4:]])


def _owners() -> dict[str, str]:
    """The module on whose page a definition stands: the first of all that offer it, the package itself last."""
    owners: dict[str, str] = {}
    for name in (*MODULES[1:], MODULES[0]):
        for home in offered(name).values():
            owners.setdefault(home, name)
    return owners


def _lazy(name: str) -> list[str]:
    """Names of modules of another library, which are there when they are named."""
    return {"anb_gym.torch": ["make", "BuildEnv"], "anb_gym.jax": ["make", "BuildEnv", "Params", "State"]}.get(name, [])


def _home(module: str, name: str, value: Any) -> str:
    """Where an object is defined; constants are where they are offered."""
    home, qualname = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if callable(value) and qualname and str(home).startswith("anb_gym"):
        return f"{home}.{qualname}"
    return f"{module}.{name}"


def _first_line(module: ModuleType) -> str:
    return (module.__doc__ or "").strip().partition("\n")[0]


# --- leaderboards ----------------------------------------------------------------------------------------------------


def _controllers() -> str:
    frame = pd.concat([pd.read_csv(DOCS / name / "summary.csv") for name in ("leaderboard", "leaderboard_search")])
    frame = frame.drop_duplicates(["task", "measure", "judge", "controller", "evaluations"])
    columns = ["task", "measure", "judge", "controller", "evaluations", "runs", "iqm", "iqm_low", "iqm_high", "median"]
    text = (
        "Interquartile means of what runs had found after so many evaluations, with 95 % intervals of the stratified "
        "bootstrap; smaller is better. [The leaderboard](../leaderboard.md) says what the measures are and which "
        "differences are ties."
    )
    return _page(
        "Controllers, all figures",
        text,
        columns,
        frame[columns],
        ["task", "measure", "judge", "controller", "evaluations"],
    )


def _policies() -> str:
    runs = json.loads((DOCS / "leaderboard" / "policies" / "results.json").read_text(encoding="utf-8"))["runs"]
    keys = ["greedy", "reward", "policy_score", "coverage", "loss", "violations"]
    rows = [
        {
            **{name: run[name] for name in ("agent", "id", "evaluations", "seed")},
            "task": score["task"],
            **{key: score[key] for key in keys},
            "seconds": run["cpu_seconds"],
        }
        for run in runs
        for score in run["scores"]
    ]
    frame = pd.DataFrame(rows)
    frame["greedy"] = frame["greedy"].map({True: "greedy", False: "sampled"})
    frame = frame.rename(columns={"greedy": "policy", "policy_score": "beyond the best constant"})
    text = (
        "Every run of every agent, as it ended: a row for each task and form of the policy. "
        "[The leaderboard of policies](../leaderboard/policies/policies.md) says what the measures are."
    )
    return _page("Policies, all runs", text, list(frame), frame, ["agent", "id", "evaluations", "task", "policy"])


def _page(title: str, text: str, columns: list[str], frame: pd.DataFrame, filters: list[str]) -> str:
    rows = json.loads(frame.to_json(orient="values", double_precision=6))
    content = json.dumps({"columns": columns, "rows": rows, "filters": [columns.index(name) for name in filters]})
    safe = content.replace("<", "\\u003c")
    fence = 3 * "-"
    head = f"{fence}\nhide: [toc]\n{fence}\n\n# {title}\n\n{text}\n\n"
    return f'{head}<div class="sortable"><script type="application/json">{safe}</script></div>\n'
