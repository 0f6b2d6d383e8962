#!/bin/sh
# Compares proto/ with the newest commit that changed it before the current one: nothing that a client relies on may
# break. Without history there is nothing to compare with.
set -eu
cd "$(dirname "$0")/.."
base=$(git log --format=%H --max-count=2 -- proto | tail -n 1)
if [ -z "$base" ]; then
  echo 'no earlier commit has proto/: nothing to compare with'
  exit 0
fi
earlier=$(mktemp -d)
trap 'rm -rf "$earlier"' EXIT
git archive "$base" proto buf.yaml | tar -x -C "$earlier"
buf breaking --against "$earlier"
echo "proto/ breaks nothing since $base"
