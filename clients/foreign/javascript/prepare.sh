#!/bin/sh
# Installs grpc-js as a program outside this repository has it, and puts the program next to it.
set -eu
cp ./*.mjs "$SCENARIO_CACHE/"
wanted='@grpc/grpc-js@1.14.7 @grpc/proto-loader@0.8.1'
cd "$SCENARIO_CACHE"
if [ "$(cat installed 2> /dev/null)" != "$wanted" ]; then
  echo '{"private": true}' > package.json
  # shellcheck disable=SC2086 # Two packages.
  npm install --silent --no-fund --no-audit --no-package-lock $wanted
  echo "$wanted" > installed
fi
