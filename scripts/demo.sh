#!/usr/bin/env bash
# Sets up .venv if needed and lets a PPO agent design networks for the VCK190 FPGA. Arguments go to scripts/demo.py;
# --help lists them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup_venv.sh
exec .venv/bin/python scripts/demo.py "$@"
