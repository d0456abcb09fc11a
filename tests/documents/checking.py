"""Blocks that are not run, commands in the text, links: what can be told without running anything."""

from __future__ import annotations

import argparse
import ast
import configparser
import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stderr
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

from documents import ROOT, Block, Page
from packaging.requirements import Requirement

from anb_gym.cli import _parser

#: Programs of the system, which have arguments of their own.
_PROGRAMS = ("cp", "cd", "export", "mpiexec")


def faults(block: Block) -> Iterator[str]:
    """What is wrong with a block that is not run: one line each."""
    if block.language == "bash":
        for command in commands(block.text):
            yield from faults_of_command(command)
    elif block.language == "python":
        yield from faults_of_imports(block.text)


def commands(script: str) -> Iterator[list[str]]:
    """The words of every command of a script."""
    for line in re.sub(r"\\\n", " ", script).splitlines():
        if words := shlex.split(line, comments=True):
            yield words


def faults_of_command(words: list[str]) -> Iterator[str]:
    """What is wrong with a command."""
    program = words[0].removeprefix(".venv/bin/")
    if program == "anb-gym":
        errors = StringIO()
        try:
            with redirect_stderr(errors):
                _parser().parse_args(words[1:])
        except SystemExit:
            yield f"{shlex.join(words)}: {errors.getvalue().splitlines()[-1]}"
    elif program == "pip":
        yield from faults_of_pip(words)
    elif words[1:2] == ["-m"]:
        if find_spec(words[2]) is None:
            yield f"{shlex.join(words)}: no such module"
    elif program in ("bash", "python") or program.endswith("/bin/python"):
        if not (ROOT / words[1]).is_file():
            yield f"{shlex.join(words)}: no such file"
        else:
            source = (ROOT / words[1]).read_text(encoding="utf-8")
            for option in words[2:]:
                if option.startswith("--") and option != "--help" and f'"{option}"' not in source:
                    yield f"{shlex.join(words)}: the script has no option {option}"
    elif program not in _PROGRAMS and program not in entry_points(group="console_scripts").names:
        yield f"{shlex.join(words)}: no such program"


def faults_of_pip(words: list[str]) -> Iterator[str]:
    """What is wrong with an installation: an extra that there is not."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    for word in words[2:]:
        requirement = Requirement(re.sub(r"^\.", "anb_gym", word))
        for extra in requirement.extras:
            if extra not in setup["options.extras_require"]:
                yield f"{shlex.join(words)}: no extra {extra}"


def faults_of_imports(source: str) -> Iterator[str]:
    """What is wrong with a program: names that it imports and that are not there. Other people's may be missing."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            wanted = [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            wanted = [(node.module or "", alias.name) for alias in node.names]
        else:
            continue
        for module, name in wanted:
            root = module.partition(".")[0]
            if root != "anb_gym" and find_spec(root) is None:
                continue
            try:
                if name is not None and not hasattr(import_module(module), name):
                    import_module(f"{module}.{name}")
                elif name is None:
                    import_module(module)
            except ImportError as error:
                if root != "anb_gym" or "is needed and not installed" not in str(error):
                    yield f"{module}: {error}"


def faults_of_text(page: Page) -> Iterator[str]:
    """Commands in the text whose name or options there are not; their arguments may stand for others."""
    for snippet in re.findall(r"`((?:bash|python) [^`]*)`", page.prose):
        yield from faults_of_command(shlex.split(snippet))
    parsers = _parser()
    for snippet in re.findall(r"`(anb-gym[^`]*)`", page.prose):
        words, parser = shlex.split(snippet)[1:], parsers
        while words and (subparsers := _subparsers(parser)):
            if words[0].startswith("-"):
                break
            if words[0] not in subparsers:
                yield f"{snippet}: no command {words[0]!r}"
                break
            parser = subparsers[words.pop(0)]
        for option in words:
            if option.startswith("--") and option.partition("=")[0] not in parser._option_string_actions:
                yield f"{snippet}: no option {option}"


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def broken_links(page: Page, path: Path) -> Iterator[str]:
    """Links to files and headings, and names of files, that there are not."""
    for name in re.findall(r"`((?:anb_gym|configs|docs|scripts|tests)/[\w./-]+)[^`]*`", page.prose):
        if not (ROOT / name).exists():
            yield f"{page.name}: {name}: no such file"
    for target in re.findall(r"\]\(([^)\s]+)\)", page.prose):
        if re.match(r"\w+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or not file.is_relative_to(ROOT):
            yield f"{page.name}: {target}: no such file"
        elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text(encoding="utf-8")):
            yield f"{page.name}: {target}: no such heading"


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}
