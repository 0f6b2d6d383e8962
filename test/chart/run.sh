#!/bin/sh
# Renders the chart with several values, checks what comes out against the schemas of Kubernetes, and what is refused.
# With --readme it writes the chart's README instead. Other arguments are those of pytest.
set -eu
cd "$(dirname "$0")/../.."
if ! command -v python3 > /dev/null; then
  echo 'skipped: there is no python3'
  exit 0
fi
. test/chart/tools.sh
if [ "${1-}" = --readme ]; then
  exec "$CHART_TOOLS/python/bin/python" test/chart/readme.py --write
fi
exec "$CHART_TOOLS/python/bin/python" -m pytest -p no:cacheprovider --quiet --rootdir test/chart "${@:-test/chart}"
