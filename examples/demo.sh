#!/bin/sh
# What `make demo` runs: a minute in the life of a store. Needs `tandem-store` on the PATH. The two
# databases that it makes stay in the folder `demo`, to look around in.
set -eu
cd "$(dirname "$0")/.."
rm -rf demo
mkdir demo

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
  bold=$(printf '\033[1m') plain=$(printf '\033[0m')
fi

say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }

# Exit code 3 says that something needs a decision, which is what the damaged example is about.
run() {
  printf '\n%s$ tandem-store %s%s\n' "$bold" "$*" "$plain"
  code=0
  tandem-store "$@" || code=$?
  case $code in 0 | 3) ;; *) exit "$code" ;; esac
}

use() {
  export TANDEM_STORE_URL="sqlite:///$1"
  printf '\n%s$ export TANDEM_STORE_URL=%s%s\n' "$bold" "$TANDEM_STORE_URL" "$plain"
}

bytes() { find "$@" -type f -exec wc -c {} + | awk '$2 != "total" { sum += $1 } END { print sum }'; }

say 'A history as the engine left it: one hot file, and one file for each run'
use demo/runs.db
run import examples/state
run verify examples/state

say 'What happened lately, and what one run did'
run runs list --limit 8
run runs show ad63e6ca

say 'What it cost'
run stats

say 'The same, after a full disk, a wrong clock and a newer engine'
use demo/damaged.db
run import examples/damaged
run quarantine list
run verify examples/damaged

say "On disk: $(bytes examples/state) bytes in $(find examples/state -type f | wc -l | tr -d ' ') files" \
  "before, $(bytes demo/runs.db*) bytes in one database now"
say "Look around yourself: ${DEMO_BIN:-}tandem-store --db demo/runs.db --help"
