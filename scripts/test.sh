#!/usr/bin/env bash
# Sets up .venv if needed and runs every check and test. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Many tests start processes: modules are compiled once for all of them.
unset PYTHONDONTWRITEBYTECODE

# The report's tests need a browser. Where nobody but a machine is asked, as in CI, it is installed; else they skip.
browser=
if [[ ${CI:-} && $(id -u) == 0 ]] && ! command -v chromium >/dev/null && command -v apt-get >/dev/null; then
    echo "Installing chromium"
    { apt-get update -qq && apt-get install -qq --no-install-recommends -y chromium; } >/dev/null 2>&1 &
    browser=$!
fi
bash scripts/setup_venv.sh
if [[ $browser ]] && ! wait "$browser"; then
    echo "chromium could not be installed: tests of pages are skipped" >&2
fi

# Tests run in parallel processes: one thread each.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1
export MPLBACKEND=Agg SDL_VIDEODRIVER=dummy SDL_AUDIODRIVER=dummy

archive=../shared/data/anb_dataset_jsons.tar.gz
if [[ -z ${ANB_GYM_DATASET:-} && -f $archive ]]; then
    ANB_GYM_DATASET=$(realpath "$archive")
    export ANB_GYM_DATASET
fi
table=../shared/data/three_seeds.csv
if [[ -z ${ANB_GYM_THREE_SEEDS:-} && -f $table ]]; then
    ANB_GYM_THREE_SEEDS=$(realpath "$table")
    export ANB_GYM_THREE_SEEDS
fi

# The checks keep one core busy, so they run beside the tests; what they say is shown at the end.
said=$(mktemp)
trap 'rm -f "$said"' EXIT
bash scripts/check.sh >"$said" 2>&1 &
checks=$!
failed=0
.venv/bin/python -m pytest -n 2 --dist worksteal "$@" || failed=$?
wait "$checks" || failed=$?
cat "$said"
exit "$failed"
