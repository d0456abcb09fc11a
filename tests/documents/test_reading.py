"""The tests of documents see what is wrong: every one of these pages has a fault."""

from pathlib import Path

import pytest
from checking import broken_links, faults, faults_of_text
from documents import ROOT, Page
from installation import Installation
from running import Reader


def page(text: str) -> Page:
    return Page("page.md", text.replace("'''", "```"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("'''\nx\n'''\n", "language ''"),
        ("'''ruby\nx\n'''\n", "language 'ruby'"),
        ("``python\nx\n``\n", "neither a block of code nor its end"),
        ("Do:\n\n    anb-gym query\n", "an indented block"),
        ("'''text\nx\n'''\n", "there is none that runs"),
        ("'''bash\nanb-gym query\n'''\n\n## Next\n\n'''text\nx\n'''\n", "there is none that runs"),
        ("'''bash\n# Not run in tests: a reason.\nanb-gym query\n'''\n\n'''text\nx\n'''\n", "there is none that runs"),
        ("A file:\n\n'''yaml\nx: 1\n'''\n", "does not end with the file's name"),
        ("'''bash\n# Not run in tests\nanb-gym query\n'''\n", "a remark on tests"),
        ("'''bash\nanb-gym query # In tests: a -> b\n'''\n", "a remark on tests"),
        ("'''bash\npip install .\n'''\n", "only the package's own commands"),
    ],
)
def test_what_would_escape_is_found(text: str, fault: str) -> None:
    assert any(fault in found for found in page(text).escapes())


def test_a_block_without_an_end_is_an_error() -> None:
    with pytest.raises(ValueError, match="page.md:3: the block has no end"):
        _ = page("x\n\n'''bash\nanb-gym query\n").blocks


def test_what_is_exchanged_must_be_there() -> None:
    (block,) = page("'''bash\n# In tests: --n 9 -> --n 1\nanb-gym query\n'''\n").blocks
    with pytest.raises(ValueError, match="'--n 9 -> --n 1' does not say what becomes what"):
        _ = block.shortened


@pytest.mark.parametrize(
    ("language", "text", "fault"),
    [
        ("bash", "anb-gym quarry", "invalid choice: 'quarry'"),
        ("bash", "anb-gym query --metric", "expected at least one argument"),
        ("bash", "anb-gym collect status \\\n    --frobnicate x", "unrecognized arguments: --frobnicate"),
        ("bash", "pip install '.[agnets]'", "no extra agnets"),
        ("bash", "bash scripts/no.sh", "no such file"),
        ("bash", "python -m anb_gim", "no such module"),
        ("bash", "python scripts/make_docs.py --best", "no option --best"),
        ("bash", "anbgym query", "no such program"),
        ("python", "import anb_gym.nothing", "No module named 'anb_gym.nothing'"),
        ("python", "from anb_gym import Bench", "No module named 'anb_gym.Bench'"),
    ],
)
def test_blocks_that_are_not_run_are_checked(language: str, text: str, fault: str) -> None:
    (block,) = page(f"'''{language}\n# Not run in tests: a reason.\n{text}\n'''\n").blocks
    assert block.reason == "a reason"
    found = list(faults(block))
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    "text", ["`anb-gym quarry`", "`anb-gym fit --tuen N`", "`anb-gym collect acuracy`", "`bash scripts/no.sh --help`"]
)
def test_commands_in_the_text_are_checked(text: str) -> None:
    assert len(list(faults_of_text(page(text)))) == 1


@pytest.mark.parametrize(
    "text", ["[x](nowhere.md)", "[x](#nowhere)", "[x](docs/studies.md#nowhere)", "[x](../x.md)", "`scripts/no.sh --n`"]
)
def test_links_are_checked(text: str) -> None:
    assert len(list(broken_links(page(text), ROOT / "README.md"))) == 1
    assert list(broken_links(page("[x](docs/studies.md#the-file), `scripts/demo.sh --help`"), ROOT / "README.md")) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("'''bash\nanb-gym query x\n'''\n", "page.md:1: exit status 1, extras: none"),
        ("'''python\nraise ValueError\n'''\n", "page.md:1: exit status 1, extras: none"),
        ("'''python\n>>> 1 + 1\n3\n\n'''\n", "Expected:\n    3\nGot:\n    2"),
        ("'''python\nprint('one')\n'''\n\n'''text\ntwo\n'''\n", "page.md:5: shown is\ntwo\n\nbut printed was\none"),
        ("With the extra `exact`:\n\n'''python\nimport numba\nimport torch\n'''\n", "No module named 'torch'"),
        (
            "'''bash\nexport A=1\n'''\n\n'''python\nimport os\nprint(os.environ['A'])\n'''\n\n'''text\n2\n'''\n",
            "was\n1",
        ),
        (
            "One, `a.py`:\n\n'''python\nb = 1\n'''\n\nTwo:\n\n'''python\nfrom a import c\n'''\n",
            "cannot import name 'c'",
        ),
    ],
)
def test_what_goes_wrong_for_a_reader_is_found(
    text: str, fault: str, installation: Installation, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError) as error:
        Reader(installation, tmp_path).follow(page(text))
    assert fault in str(error.value)
