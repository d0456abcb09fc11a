#!/usr/bin/env bash
# Makes .venv-morl, a virtual environment with morl-baselines and this project, apart from the project's own.
# PYTHON names another interpreter than python3.11, which has to be 3.11. One package, pycddlib, is compiled: it needs
# a C compiler and the headers of GMP (Debian: apt-get install gcc libgmp-dev).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

venv=$PWD/.venv-morl
stamp=$venv/.anb_gym
current=$(echo "$PWD" | cat - setup.cfg setup.py constraints.txt scripts/morl/{requirements.txt,setup_venv.sh} | cksum)
if [[ -f $stamp && $(<"$stamp") == "$current" ]]; then
    exit 0
fi
echo "Making $venv"
"${PYTHON:-python3.11}" -m venv --clear "$venv"

pip() {
    "$venv/bin/python" -m pip --disable-pip-version-check "$@" -qq
}
# torch first and with what its own build needs: morl-baselines would take any torch, such as a larger one.
pip install --constraint constraints.txt torch
pip install --no-deps --requirement scripts/morl/requirements.txt
pip install --no-deps --no-build-isolation --editable .
echo "$current" >"$stamp"
