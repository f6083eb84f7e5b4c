#!/usr/bin/env bash
# Side-by-side runs of this program and its peers, in one run, with each target and whether it was met.
#   benches/versus.sh udp [echo|pinger|delay|dashboard]...
# A peer that is not installed is skipped, and said so. A missed target fails nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
udp)
    shift
    exec cargo bench --quiet --bench udp -- "$@"
    ;;
*)
    echo "usage: benches/versus.sh udp [echo|pinger|delay|dashboard]..." >&2
    exit 2
    ;;
esac
