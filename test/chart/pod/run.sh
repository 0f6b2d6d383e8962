#!/bin/sh
# Builds the image of this checkout, and that of the first commit that had one, and has podman run the pod that the
# chart renders: see main.py. With images as arguments it builds none: run.sh IMAGE [EARLIER].
set -eu
cd "$(dirname "$0")/../../.."
for command in python3 openssl nsenter; do
  if ! command -v "$command" > /dev/null; then
    echo "skipped: there is no $command"
    exit 0
  fi
done
if [ "$(uname -s) $(id -u)" != 'Linux 0' ]; then
  echo 'skipped: containers need Linux and root here'
  exit 0
fi
if ! { command -v podman && command -v buildah && command -v runc; } > /dev/null; then
  apt-get update > /dev/null
  apt-get install --yes --no-install-recommends podman buildah runc > /dev/null
fi
. test/chart/tools.sh

work=$(mktemp -d)
images=
cleanup() {
  for image in $images; do buildah --storage-driver vfs rmi --force "$image" > /dev/null 2>&1 || true; done
  rm -rf "$work"
}
trap cleanup EXIT

build() { # checkout, tag
  mkdir "$work/base-$2"
  (
    cd "$1"
    node scripts/install.mjs
    node scripts/image-base.ts "$work/base-$2"
    buildah --storage-driver vfs bud --isolation chroot --tag "localhost/chart-base:$2" "$work/base-$2"
    buildah --storage-driver vfs bud --isolation chroot --build-arg "BASE=localhost/chart-base:$2" \
      --tag "localhost/chart-test:$2" .
  ) > "$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
  images="localhost/chart-test:$2 localhost/chart-base:$2 $images"
}

if [ $# -eq 0 ]; then
  build . "now-$$"
  set -- "localhost/chart-test:now-$$"
  first=$(git log --diff-filter=A --format=%H -- Dockerfile | tail -n 1)
  mkdir "$work/earlier"
  if [ -n "$first" ] && git archive "$first" | tar -x -C "$work/earlier"; then
    build "$work/earlier" "earlier-$$"
    set -- "$@" "localhost/chart-test:earlier-$$"
  else
    echo 'no earlier commit that has an image is here: nothing is upgraded'
  fi
fi
"$CHART_TOOLS/python/bin/python" test/chart/pod/main.py "$@"
