#!/usr/bin/env bash
# Static checks: style, types, and which module may import which.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=$PWD/.venv/bin

"$bin/ruff" check .
"$bin/ruff" format --check .

# agents/, baselines/ and configs/ are sub-packages of anb_gym once installed. mypy and import-linter read folders,
# not import hooks, so they get the tree as it installs, made of links.
tree=$PWD/build/tree
rm -rf "$tree"
mkdir -p "$tree/anb_gym"
ln -s "$PWD"/anb_gym/* "$PWD"/{agents,baselines,configs} "$tree/anb_gym"
(cd "$tree" && "$bin/mypy" --config-file "$OLDPWD/pyproject.toml" --cache-dir "$OLDPWD/.mypy_cache" -p anb_gym)
(cd "$tree" && "$bin/lint-imports" --config "$OLDPWD/pyproject.toml" --no-cache)
