"""Pages and their blocks. What a block is for stands on the page, where readers see it too.

* `bash`, `python`: run in the order of the page, in an empty folder, with the wheel installed. A block has the extras
  that its section or the page's introduction names, such as "the extra `study`"; without a name it has numpy and
  gymnasium alone.
* `text`: what the block before it prints; `...` stands for anything.
* After a paragraph that ends with a file's name, such as "One file, `my_file.py`:", a block is that file.
* `# Not run in tests: an hour on two cores.`, a line of a block: it is not run, but checked.
* `# In tests: --n 600 -> --n 24; --repeats 4 -> --repeats 2`: it is run with these texts exchanged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: All pages of the checkout, by their path in it.
PAGES = {
    path.relative_to(ROOT).as_posix(): path
    for folder, pattern in ((ROOT, "*.md"), (ROOT / "docs", "**/*.md"), (ROOT / "scripts", "**/*.md"))
    for path in sorted(folder.glob(pattern))
}
_FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,})(.*)$")
_REASON = re.compile(r"^# Not run in tests: (.+)\.$", re.MULTILINE)
_EXCHANGED = re.compile(r"^# In tests: (.+)$", re.MULTILINE)
_FILE = re.compile(r"`([\w./-]+\.\w+)`:$")
_EXTRAS = re.compile(r"extras?\s+`(\w+)`(?:\s+and\s+`(\w+)`)?|(?:anb_gym|'\.)\[([\w,]+)\]")


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        line: Number of its first fence's line, from 1.
        language: What the fence says.
        text: What is between the fences.
        introduction: The page up to its first section, without this block.
        section: The block's section up to the block.
        number: Of the section on the page.
    """

    line: int
    language: str
    text: str
    introduction: str
    section: str
    number: int

    @property
    def reason(self) -> str | None:
        """Why it is not run; `None` for a block that is."""
        found = _REASON.search(self.text)
        return found[1] if found else None

    @property
    def runs(self) -> bool:
        """Whether it does something when the page is followed."""
        return self.language in ("bash", "python") and self.reason is None and self.file is None

    @property
    def file(self) -> str | None:
        """The name of the file that it is."""
        found = _FILE.search(self.section.rstrip())
        return found[1] if found else None

    @property
    def is_session(self) -> bool:
        """Whether it shows an interpreter's prompt."""
        return self.language == "python" and self.text.startswith(">>> ")

    @property
    def extras(self) -> frozenset[str]:
        """The extras that a reader has been told of."""
        named = _EXTRAS.findall(f"{self.introduction}\n{self.section}\n{self.text}")
        return frozenset(extra for names in named for name in names for extra in name.split(",") if extra)

    @property
    def shortened(self) -> str:
        """The text as it is run.

        Raises:
            ValueError: A text that is to be exchanged is not there.
        """
        text = self.text
        for line in _EXCHANGED.findall(self.text):
            for pair in line.split("; "):
                old, arrow, new = pair.partition(" -> ")
                code = text.replace(f"# In tests: {line}", "")
                if not arrow or old not in code:
                    raise ValueError(f"line {self.line}: {pair!r} does not say what becomes what")
                text = code.replace(old, new)
        return text


@dataclass(frozen=True)
class Page:
    """A page of documentation.

    Attributes:
        name: Path in the checkout.
        text: What it says.
    """

    name: str
    text: str

    @classmethod
    def read(cls, name: str) -> Page:
        """The page of this path in the checkout."""
        return cls(name, PAGES[name].read_text(encoding="utf-8"))

    @cached_property
    def blocks(self) -> list[Block]:
        """Its blocks of code, in order."""
        blocks = []
        lines = self.text.splitlines()
        introduction, section, told, count = "", "", "", 0
        start: int | None = None
        for number, line in enumerate(lines):
            fence = _FENCE.match(line)
            if start is None and fence:
                start, opened, told = number, fence, section
            elif start is not None and fence and fence[2].startswith(opened[2]) and not fence[3].strip():
                text = "\n".join(lines[start + 1 : number]) + "\n"
                block = Block(start + 1, opened[3].strip(), text, introduction, told, count)
                blocks.append(block)
                start = None
            if re.match("#{2,} ", line) and start is None:
                introduction, section, count = introduction or section, "", count + 1
            section += f"{line}\n"
        if start is not None:
            raise ValueError(f"{self.name}:{start + 1}: the block has no end")
        return blocks

    @cached_property
    def prose(self) -> str:
        """The page without its blocks of code, which are empty lines here."""
        lines = self.text.splitlines()
        for block in self.blocks:
            for number in range(block.line - 1, block.line + block.text.count("\n") + 1):
                lines[number] = ""
        return "\n".join(lines)

    def escapes(self) -> Iterator[str]:
        """Blocks that nobody could check, and what looks like a block and is none: one line each."""
        before: Block | None = None
        for block in self.blocks:
            where = f"{self.name}:{block.line}: "
            if block.language == "text":
                if not (before and before.runs and before.number == block.number):
                    yield f"{where}text is what the block before it prints, and there is none that runs"
            elif block.language in ("yaml", "json"):
                if block.file is None:
                    yield f"{where}the paragraph before it does not end with the file's name"
            elif block.language not in ("bash", "python", "bibtex"):
                yield f"{where}language {block.language!r}"
            foreign = re.search(r"^(?!anb-gym |export |#|$|    )", block.text, re.MULTILINE)
            if block.language == "bash" and block.runs and foreign:
                yield f"{where}only the package's own commands are run in tests"
            before = block
            remarks = len(_REASON.findall(block.text) + _EXCHANGED.findall(block.text))
            if len(re.findall("(?i)# .*in tests", block.text)) != remarks:
                yield f"{where}a remark on tests that is not understood"
        for number, line in enumerate(self.prose.splitlines(), 1):
            if re.match(r"\s*(``\w|``$|```|~~~)", line):
                yield f"{self.name}:{number}: neither a block of code nor its end"
            if line.startswith("    ") and not re.match(r"\s*([-*]|\d+\.) ", line) and not self._continues(number):
                yield f"{self.name}:{number}: an indented block, which has no language"

    def _continues(self, number: int) -> bool:
        """Whether a line belongs to a paragraph or an item above it."""
        above = self.prose.splitlines()[: number - 1]
        return bool(above and above[-1].strip())
