"""The list of packages and the long description; everything else about the distribution is in setup.cfg.

`agents/`, `baselines/` and `configs/` lie beside `anb_gym/` and install as its
sub-packages, which setuptools' own discovery cannot express.
"""

import re
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

PACKAGES = [
    f"{package}.{found}" if found else package
    for package, folder in {
        "anb_gym": "anb_gym",
        "anb_gym.agents": "agents",
        "anb_gym.baselines": "baselines",
        "anb_gym.configs": "configs",
    }.items()
    for found in ["", *find_packages(folder)]
]


def long_description(readme: str, source: str | None) -> str:
    """The README as it is read away from the project's files, where links to them lead nowhere.

    Args:
        readme: In Markdown.
        source: The project's own address, such as ``https://host/project``. With it links to files become absolute;
            without it their text stays, and pictures go.
    """

    def absolute(link: re.Match[str]) -> str:
        picture, text, path = link.groups()
        if source:
            return f"{picture}[{text}]({source}/{'raw' if picture else 'blob'}/HEAD/{path})"
        return "" if picture else text

    return re.sub(r"(!?)\[([^]]*)\]\((?![\w+.-]+:|#)([^)\s]+)\)", absolute, readme)


if __name__ == "__main__":
    config = ConfigParser()
    config.read("setup.cfg", encoding="utf-8")
    addresses = dict(line.split(" = ", 1) for line in config["metadata"]["project_urls"].strip().splitlines())
    setup(
        packages=PACKAGES,
        long_description=long_description(Path("README.md").read_text(encoding="utf-8"), addresses.get("Source")),
        long_description_content_type="text/markdown",
    )
