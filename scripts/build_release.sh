#!/usr/bin/env bash
# Builds the sdist and the wheel into dist/ and checks them: bash scripts/build_release.sh [VERSION]
# VERSION, where it is given, must be that of setup.cfg, of anb_gym and of CITATION.cff.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=$(sed -n 's/^version = //p' setup.cfg)
for said in "${1:-$version}" "$(sed -n 's/^__version__ = "\(.*\)"/\1/p' anb_gym/__init__.py)" \
    "$(sed -n 's/^version: //p' CITATION.cff)"; do
    if [[ $said != "$version" ]]; then
        echo "the version must be that of setup.cfg, $version, everywhere; found $said" >&2
        exit 1
    fi
done
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/python" -m pip install --quiet --disable-pip-version-check build twine check-wheel-contents cffconvert
rm -rf dist build/lib build/bdist.*
"$tools/bin/python" -m build --quiet
"$tools/bin/twine" check --strict dist/*
"$tools/bin/check-wheel-contents" dist/*.whl
"$tools/bin/cffconvert" --validate
ls -l dist
