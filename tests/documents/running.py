"""A page is run as a reader would: block after block, in an empty folder, with the installed wheel."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass, field
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from pathlib import Path

from documents import Block, Page
from installation import Installation

_SECONDS = 300


@dataclass
class Reader:
    """Somebody who tries a page.

    Attributes:
        installation: The installed wheel.
        folder: The reader's files; `folder / "here"` is where the blocks run.
        exported: Variables that blocks have exported.
    """

    installation: Installation
    folder: Path
    exported: dict[str, str] = field(default_factory=dict)

    def follow(self, page: Page) -> None:
        """Does what a page says.

        Raises:
            AssertionError: A block fails, or prints something else than the page shows; the message has the line.
        """
        self.here.mkdir()
        sessions = [block for block in page.blocks if block.is_session]
        if sessions:
            self._session(page, sessions)
        printed = ""
        for block in page.blocks:
            where = f"{page.name}:{block.line}"
            if block.language == "text":
                same = OutputChecker().check_output(block.text, printed, ELLIPSIS | NORMALIZE_WHITESPACE)
                assert same, f"{where}: shown is\n{block.text}\nbut printed was\n{printed}"
            elif block.reason is None and not block.is_session:
                printed = self.do(block, where)
        assert self.installation.changed() == set(), f"{page.name}: the installed package is not as it was"

    @property
    def here(self) -> Path:
        """The working folder."""
        return self.folder / "here"

    def do(self, block: Block, where: str) -> str:
        """Runs a block, or writes the file that it is, and returns what it prints."""
        if block.file:
            (self.here / block.file).write_text(block.shortened, encoding="utf-8")
            if block.language == "python":
                return self._run(["python", "-c", f"import {Path(block.file).stem}"], block, where)
        elif block.language == "bash":
            state = self.folder / "exported"
            script = f"set -euo pipefail\n{block.shortened}\nenv -0 >{state}\n"
            printed = self._run(["bash", "-c", script], block, where)
            pairs = (pair.partition("=") for pair in state.read_text(encoding="utf-8").split("\0") if pair)
            before = self._environment(block)
            self.exported |= {
                name: value for name, _, value in pairs if before.get(name) != value and name not in ("_", "SHLVL")
            }
            return printed
        elif block.language == "python":
            (self.here / "block.py").write_text(block.shortened, encoding="utf-8")
            return self._run(["python", "block.py"], block, where)
        return ""

    def _session(self, page: Page, sessions: list[Block]) -> None:
        """Runs what is shown with an interpreter's prompt: one session per page."""
        (self.here / "session.txt").write_text("\n".join(block.shortened for block in sessions), encoding="utf-8")
        last = sessions[-1]
        self._run(["python", "-m", "doctest", "session.txt"], last, f"{page.name}:{sessions[0].line}")

    def _environment(self, block: Block) -> dict[str, str]:
        return self.installation.environment(block.extras, self.folder / "home") | self.exported

    def _run(self, command: list[str], block: Block, where: str) -> str:
        environment = self._environment(block)
        process = subprocess.Popen(
            command,
            cwd=self.here,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        try:
            printed, errors = process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            printed, errors = process.communicate()
            errors += f"\nnot done after {_SECONDS} s"
        extras = ", ".join(sorted(block.extras)) or "none"
        shown = f"{printed[-4000:]}\n{errors[-4000:]}"
        assert process.returncode == 0, f"{where}: exit status {process.returncode}, extras: {extras}\n{shown}"
        assert "Traceback" not in errors, f"{where}: {shown}"
        return printed
