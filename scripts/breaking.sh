#!/bin/sh
# Compares what clients generate from with the newest commit that changed it before the current one: nothing that a client
# relies on may break. Without history there is nothing to compare with.
set -eu
cd "$(dirname "$0")/.."
base=$(git log --format=%H --max-count=2 -- proto/artifacta | tail -n 1)
if [ -z "$base" ]; then
  echo 'no earlier commit has proto/: nothing to compare with'
  exit 0
fi
earlier=$(mktemp -d)
trap 'rm -rf "$earlier"' EXIT
mkdir "$earlier/before" "$earlier/now"
git archive "$base" proto/artifacta | tar -x -C "$earlier/before"
# In a directory of its own, with rules of its own: what other people own is not compared.
cp -r proto/artifacta "$earlier/now/artifacta"
mv "$earlier/before/proto/artifacta" "$earlier/before/artifacta"
printf 'version: v2\nbreaking:\n  use:\n    - FILE\n' > "$earlier/now/buf.yaml"
cd "$earlier/now"
buf breaking . --against "$earlier/before"
echo "proto/artifacta breaks nothing since $base"
