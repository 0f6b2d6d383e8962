#!/bin/sh
# Checks the history of replicas, which takes PostgreSQL, and a library that sets clocks.
set -eu
if ! ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 ||
  ! find /usr/lib /usr/lib64 /usr/local/lib -name 'libfaketime*.so.1' 2> /dev/null | grep -q .; then
  apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends postgresql libfaketime
fi
npm run --silent faults -- --replicas --rounds 34 --seed 7
