#!/usr/bin/env bash
# Sets up .venv if needed and searches a cheap training scheme for digit classifiers, on two cores. Results go into
# runs/proxy_search_demo; what is there is used, so an interrupted search goes on. Further arguments go to
# anb-gym proxy-search, such as --out FOLDER or --workers N.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup_venv.sh
exec .venv/bin/anb-gym proxy-search digits --out runs/proxy_search_demo "$@"
