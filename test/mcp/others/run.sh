#!/bin/sh
# Other clients of MCP against this checkout: that for Python in both eras, and the Inspector's command line, each over
# standard input and output and over HTTP. It needs Python 3.10, npm and their registries.
set -eu

for tool in python3 npm; do
  command -v $tool > /dev/null || { echo "skipped: $tool is missing"; exit 0; }
done

root=$(cd "$(dirname "$0")/../../.." && pwd -P)
here=$root/test/mcp/others
work=$(mktemp -d)
service=
trap '[ -z "$service" ] || kill "$service"; wait; rm -rf "$work"' EXIT

python3 -m venv "$work/python"
"$work/python/bin/pip" install --quiet mcp==2.3.0
(cd "$work" && npm install --silent --no-audit --no-fund --prefix "$work" @modelcontextprotocol/inspector@2.12.0)
mkdir "$work/files"

"$root/bin/artifacta" serve --data-dir "$work/served" --grpc-listen none --admin-listen none \
  --http-listen 127.0.0.1:0 --log-format json > "$work/log" &
service=$!
until url=$(sed -n 's/.*"http":"\([^"]*\)".*"msg":"ready".*/http:\/\/\1\/mcp/p' "$work/log") && [ -n "$url" ]; do
  kill -0 "$service"
  sleep 0.1
done

for mode in auto legacy; do
  "$work/python/bin/python" "$here/scenario.py" "$mode" "$url"
  echo "ok: Python ($mode) over HTTP"
  "$work/python/bin/python" "$here/scenario.py" "$mode" "$root/bin/artifacta" mcp --data-dir "$work/own" \
    --allow-path "$work/files"
  echo "ok: Python ($mode) over standard input and output"
  "$work/python/bin/python" "$here/scenario.py" "$mode" "$root/bin/artifacta" mcp --url "${url%/mcp}" \
    --allow-path "$work/files"
  echo "ok: Python ($mode) over standard input and output, with a service"
done

inspector=$work/node_modules/.bin/mcp-inspector
"$work/python/bin/python" "$here/scenario.py" "$inspector" "$url"
echo "ok: the Inspector over HTTP"
"$work/python/bin/python" "$here/scenario.py" "$inspector" "$root/bin/artifacta" mcp --data-dir "$work/own" \
  --allow-path "$work/files"
echo "ok: the Inspector over standard input and output"
"$work/python/bin/python" "$here/scenario.py" "$inspector" "$root/bin/artifacta" mcp --url "${url%/mcp}" \
  --allow-path "$work/files"
echo "ok: the Inspector over standard input and output, with a service"
