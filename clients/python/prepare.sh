#!/bin/sh
# Makes a virtual environment for the scenario, with one version of protobuf and of grpcio: prepare.sh PROTOBUF GRPCIO.
set -eu
venv=$SCENARIO_CACHE/protobuf-$1
if ! command -v python3 > /dev/null || ! python3 -c 'import sys, venv; sys.exit(sys.version_info < (3, 10))'; then
  echo 'no python3 from 3.10 on that can make virtual environments'
  exit 77
fi
if [ ! -e "$venv/complete" ]; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/python" -m pip --disable-pip-version-check install --quiet "protobuf==$1" "grpcio==$2"
  touch "$venv/complete"
fi
