#!/usr/bin/env bash
# Builds the documentation site into build/site/html, which opens from disk; warnings are errors. `--serve` shows it and
# follows changes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup_venv.sh
if [[ ${1:-} == --serve ]]; then
    exec .venv/bin/python -m mkdocs serve
fi
NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build
echo "open build/site/html/index.html"
