#!/usr/bin/env bash
# Runs the tests that need PostgreSQL, which it installs if it is missing. They start servers of their own.
set -euo pipefail
cd "$(dirname "$0")/../../.."

if ! ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1; then
  apt-get update > /dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends postgresql > /dev/null
fi

node scripts/install.mjs
export PATH="$PWD/node_modules/.bin:$PATH"
vitest run test/index/postgres test/index/model.test.ts test/api/postgresql.test.ts test/e2e/postgresql.test.ts
