#!/bin/sh
# What somebody who has only the repository gets: a clone installs all by itself, and leaves nothing that git does not
# know of. Of a checkout with changes it is the last commit.
set -eu
clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT
git clone --quiet . "$clone"
cd "$clone"
# What is put in front of the checkout's own here must not help.
PATH=$(printf %s "$PATH" | tr : '\n' | grep -v node_modules | paste -sd: -)
npm run check
bin/artifacta --version
export ARTIFACTA_DATA_DIR="$clone/../$(basename "$clone")-data"
trap 'rm -rf "$clone" "$ARTIFACTA_DATA_DIR"' EXIT
echo hello | bin/artifacta push - --session s --name greeting
test "$(bin/artifacta cat s/greeting)" = hello
test -z "$(git status --porcelain)"
