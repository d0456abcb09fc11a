"""The list of packages; everything else about the distribution is in setup.cfg.

`agents/`, `baselines/` and `configs/` lie beside `anb_gym/` and install as its
sub-packages, which setuptools' own discovery cannot express.
"""

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

setup(packages=PACKAGES)
