#!/usr/bin/env bash
# Tests the wheel alone, in an environment of its own without this checkout, torch and pandas:
#   bash scripts/test_wheel.sh [PYTHON] [highest|lowest-direct] [arguments of pytest]
# PYTHON is an interpreter, by default python3.11; lowest-direct takes the lowest versions that setup.cfg allows.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${1:-python3.11} resolution=${2:-highest}
shift $(($# < 2 ? $# : 2))
checkout=$PWD
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" -m venv "$folder/venv"
bin=$folder/venv/bin
"$bin/python" -m pip install --quiet --disable-pip-version-check uv build
git archive HEAD | tar -x -C "$folder" --one-top-level=source
(cd "$folder/source" && "$bin/python" -m build --quiet --wheel --outdir "$folder/dist")
wheel=$(echo "$folder"/dist/*.whl)
"$bin/uv" pip install --quiet --python "$bin/python" --resolution "$resolution" \
    "$wheel[pareto,exact,render,multiagent,morl,terminal]" 'pytest>=8.2' 'pytest-xdist>=3.6' 'hypothesis>=6.130' \
    'pyyaml>=6.0.2' 'filelock>=3.13' 'packaging>=23'
cp -r "$checkout"/{tests,pyproject.toml,setup.cfg} "$folder"
cd "$folder"
"$bin/python" -m pytest -q -n 2 -p no:cacheprovider --ignore tests/envs/test_sb3.py "$@" tests/test_{space,benchmark,tasks,rewards,noise,complexity}.py \
    tests/test_{bounded,import,cli_about}.py tests/envs tests/fronts tests/exact
