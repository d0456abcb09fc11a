#!/usr/bin/env bash
# Makes .venv, the project's own virtual environment, with the project and all it needs to run, develop and test.
# An environment that is up to date is left alone. PYTHON names another interpreter than python3.11.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=$PWD/.venv
stamp=$venv/.anb_gym
current=$(echo "$PWD" | cat - setup.cfg setup.py pyproject.toml constraints.txt scripts/setup_venv.sh | cksum)
if [[ -f $stamp && $(<"$stamp") == "$current" ]]; then
    exit 0
fi

if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=${PYTHON:-$(command -v python3.11 || command -v python3 || true)}
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "anb_gym needs Python 3.11 or newer, found ${python:-none}; set PYTHON to one" >&2
        exit 1
    fi
    echo "Making $venv"
    "$python" -m venv --clear "$venv"
fi

pip() {
    "$venv/bin/python" -m pip --disable-pip-version-check "$@" -qq
}
# uv installs in seconds what takes pip minutes, but does not know pip's settings: without a way to an index of its own
# it leaves the work to pip. So does torch, which is as large as all the others, for the build that pip is set to find.
# --no-deps, because others would take any torch, such as a larger one. Modules are compiled when they are first
# imported, or now where that would not be kept.
compile=--no-compile
if [[ ${PYTHONDONTWRITEBYTECODE:-} ]]; then
    compile=--compile
fi
echo "Installing the pinned packages"
others=$(mktemp)
trap 'rm -f "$others"' EXIT
grep -v '^torch==' constraints.txt >"$others"
pip install --no-deps --constraint constraints.txt uv
pip install --no-deps $compile --constraint constraints.txt torch &
torch=$!
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps $compile --requirement "$others" ||
    pip install --no-deps $compile --requirement "$others"
wait "$torch"
pip install $compile --constraint constraints.txt torch  # what its own build needs beside, such as CUDA
pip install --no-deps --no-build-isolation --editable .
echo "$current" >"$stamp"
