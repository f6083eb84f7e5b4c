#!/usr/bin/env bash
# Side-by-side runs of this program and its peers, in one run, with each target and whether it was met.
#   benches/versus.sh udp [echo|pinger|delay|dashboard]...
#   benches/versus.sh web [small|large|idle|memory|dashboard]... [--requests N]
#   benches/versus.sh mail [server|client|memory]...
#   benches/versus.sh wire [hour|recording|capture]...
# A peer that is not installed is skipped, and said so. A missed target fails nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

lab=${1:-}
case "$lab" in
udp | web | mail | wire)
    shift
    # Debian keeps servers where only root looks for programs; .ci/run unpacks Postfix's among what is built.
    PATH=$PATH:/usr/sbin:$(realpath -m "${CARGO_TARGET_DIR:-target}/mail-programs/bin")
    exec cargo bench --quiet --bench "$lab" -- "$@"
    ;;
*)
    sed -n 's/^#   /usage: /p' "$0" >&2
    exit 2
    ;;
esac
