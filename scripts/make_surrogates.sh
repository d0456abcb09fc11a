#!/usr/bin/env bash
# Makes every table that ships from the raw data, into a folder, and says which files differ from those that ship.
# Goes on where it stopped. With WORKERS=2 and the dataset in ANB_GYM_DATASET:
#   bash scripts/make_surrogates.sh runs/made
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-runs/made}
workers=${WORKERS:-1}
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1

step() {
    local begin=$SECONDS
    "$@"
    echo "$((SECONDS - begin)) s: $*" | tee -a "$out/seconds.log"
}
mkdir -p "$out"
# Version 0 of all families, then the metrics of the reference scheme upon them; version 1 corrects version 0's.
step .venv/bin/anb-gym fit --out "$out" --workers "$workers"
step .venv/bin/anb-gym fit --version 1 --families gp xgb lgb --out "$out" --workers "$workers"

# Manifests name the SHA-256 of their tables; which bits they have depends on kernels of BLAS, see docs/surrogates.md.
differ=0
while read -r manifest; do
    name=${manifest#anb_gym/surrogates/artefacts/}
    if [[ ! -f $out/$name ]] || ! cmp -s <(grep '"sha256"' "$manifest") <(grep '"sha256"' "$out/$name"); then
        echo "differs: $name"
        differ=$((differ + 1))
    fi
done < <(find anb_gym/surrogates/artefacts -mindepth 2 -name '*.json' | sort)
echo "$differ manifests differ from those that ship"
