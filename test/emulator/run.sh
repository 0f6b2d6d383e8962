#!/usr/bin/env bash
# Runs the blob store in a bucket against fake-gcs-server, an implementation of the service that is not ours. Go builds it
# into a directory of its own unless one is given:
#
#     FAKE_GCS_SERVER=PATH test/emulator/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
version=v1.56.1

home=${XDG_CACHE_HOME:-$HOME/.cache}/artifacta/fake-gcs-server-$version
program=${FAKE_GCS_SERVER:-$home/fake-gcs-server}
if [ ! -x "$program" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  GOPATH=$work GOBIN=$work/bin GOFLAGS=-modcacherw go install "github.com/fsouza/fake-gcs-server@$version"
  mkdir -p "$home"
  mv "$work/bin/fake-gcs-server" "$program"
fi

node scripts/install.mjs
export PATH="$PWD/node_modules/.bin:$PATH"
FAKE_GCS_SERVER=$program vitest run --project emulator
