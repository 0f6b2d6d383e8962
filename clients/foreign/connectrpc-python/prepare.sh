#!/bin/sh
# Installs connectrpc and its two plugins in a place of their own, and generates with them.
set -eu
wanted='connectrpc==0.13.0 protoc-gen-connectrpc==0.13.0 protoc-gen-py==0.7.0'
venv=$SCENARIO_CACHE/venv
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo 'there is no Python from 3.10 on'; exit 77; }
if [ "$(cat "$SCENARIO_CACHE/installed" 2> /dev/null)" != "$wanted" ]; then
  python3 -m venv --clear "$venv"
  # shellcheck disable=SC2086 # Three packages.
  "$venv/bin/pip" install --quiet --disable-pip-version-check $wanted
  echo "$wanted" > "$SCENARIO_CACHE/installed"
fi
PATH="$venv/bin:$SCENARIO_ROOT/node_modules/.bin:$PATH"
rm -rf "$SCENARIO_CACHE/gen"
# Errors have no published package for this library's messages; theirs are generated next to ours.
for protos in proto third_party/proto; do
  buf generate "$SCENARIO_ROOT/$protos" --template buf.gen.yaml -o "$SCENARIO_CACHE"
done
