#!/bin/sh
# Sets clocks under a service, which takes a library that few machines have.
set -eu
if ! find /usr/lib /usr/lib64 /usr/local/lib -name 'libfaketime*.so.1' 2>/dev/null | grep -q .; then
  apt-get update && apt-get install --yes --no-install-recommends libfaketime
fi
npm run --silent faults -- --clock --seed 7
