#!/bin/sh
# Generates the messages and the blocking classes of the Python client (generate.py), with the one version of
# grpcio-tools whose code runs on protobuf 4.25 to 7. With --check it fails if the committed code differs.
set -eu
cd "$(dirname "$0")"
. ./tools.sh
venv generate grpcio-tools==1.62.3 grpcio==1.62.3 protobuf==4.25.9 'setuptools<81'
exec "$VENV/bin/python" generate.py "$@"
