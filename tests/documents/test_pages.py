"""What the pages show works for a reader who has installed the wheel, and prints what they say."""

import re
from pathlib import Path

import pytest
from checking import broken_links, faults, faults_of_text
from documents import PAGES, Page
from installation import Installation
from running import Reader

RUN = [name for name in PAGES if any(not block.reason for block in Page.read(name).blocks)]


@pytest.mark.parametrize("name", RUN)
def test_blocks_run(name: str, installation: Installation, tmp_path: Path) -> None:
    Reader(installation, tmp_path).follow(Page.read(name))


@pytest.mark.parametrize("name", PAGES)
def test_no_block_escapes(name: str) -> None:
    assert list(Page.read(name).escapes()) == []


@pytest.mark.parametrize("name", PAGES)
def test_what_is_not_run_would_be_understood(name: str) -> None:
    page = Page.read(name)
    found = [f"{name}:{block.line}: {fault}" for block in page.blocks if block.reason for fault in faults(block)]
    assert [*found, *faults_of_text(page)] == []


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    assert list(broken_links(Page.read(name), PAGES[name])) == []


def test_the_package_is_the_wheel(installation: Installation, tmp_path: Path) -> None:
    reader = Reader(installation, tmp_path)
    page = Page("page", "```python\nimport anb_gym\nprint(anb_gym.__file__)\nimport torch\n```\n")
    with pytest.raises(AssertionError, match=f"(?s){installation.folder}/venv/lib/.*No module named 'torch'"):
        reader.follow(page)


def test_the_metadata_lead_somewhere(installation: Installation) -> None:
    metadata = installation.distribution.metadata
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert len(metadata.get_all("Project-URL") or ()) >= 2
    description = str(metadata.get_payload())
    assert "In ten lines" in description
    links = re.findall(r"\]\(([^)]+)\)", description)
    assert links
    assert [link for link in links if not link.startswith(("https://", "#"))] == []


def test_the_readme_lists_all_extras(installation: Installation) -> None:
    listed = re.search(r"The extras are (.*?);", Page.read("README.md").text, re.DOTALL)
    assert listed
    extras = installation.distribution.metadata.get_all("Provides-Extra")
    assert sorted(re.findall(r"`(\w+)`", listed[1])) == sorted(extras or ())
