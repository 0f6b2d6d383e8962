#!/bin/sh
# Tests the Python client: what is generated, its style and types, and its tests against a service of this checkout, on
# each generation of protobuf that it supports. Arguments are those of pytest, and then only the newest one is used.
set -eu
cd "$(dirname "$0")"
. ./tools.sh
require_python
node ../../scripts/install.mjs
export PYTHONDONTWRITEBYTECODE=1
tests='pytest==9.2.0 tqdm==4.70.1'
newest='protobuf==7.36.2 grpcio==1.85.1'
# shellcheck disable=SC2086
venv newest $newest $tests pandas pyarrow
if [ $# -gt 0 ]; then
  exec "$VENV/bin/python" -m pytest "$@"
fi

./generate.sh --check
echo 'what is generated is as it should be'
# shellcheck disable=SC2086
venv tools $newest hatchling==1.33.0 ruff==0.17.6 mypy==2.4.1 types-grpcio==1.85.0.20261028 types-protobuf==7.35.1.20260906
"$VENV/bin/ruff" check --quiet .
"$VENV/bin/ruff" format --check --quiet .
"$VENV/bin/mypy"
MYPYPATH=src "$VENV/bin/mypy" --strict tests/typed_use.py
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
"$VENV/bin/python" -m hatchling build --target wheel --directory "$wheels" > "$wheels/log" 2>&1 || { cat "$wheels/log"; exit 1; }

generation() { # name, packages …
  echo "== $*"
  venv "$@"
  "$VENV/bin/python" -m pip --disable-pip-version-check install --quiet --force-reinstall --no-deps "$wheels"/*.whl
  # What is tested is the wheel: the sources are not on the path.
  "$VENV/bin/python" -m pytest -o pythonpath=. -o pythonpath=tests
  "$VENV/bin/python" -m pip --disable-pip-version-check uninstall --quiet --yes artifacta-client
}
# shellcheck disable=SC2086
{
  generation 4.25 protobuf==4.25.9 grpcio==1.62.3 $tests
  generation 5.29 protobuf==5.29.6 grpcio==1.85.3 $tests
  generation 6.33 protobuf==6.33.6 grpcio==1.85.3 $tests
  generation newest $newest $tests pandas pyarrow
}
"$VENV/bin/python" measure_import.py --fail-above 1.5
