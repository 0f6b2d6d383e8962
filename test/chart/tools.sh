# Sourced in the root of the checkout: Node on the PATH, and CHART_TOOLS, where there are Python with what
# requirements.txt names and the types of others' objects. They come from PyPI and npm, once for each list of them.
node scripts/install.mjs
export PATH="$PWD/node_modules/.bin:$PATH" PYTHONDONTWRITEBYTECODE=1
models='@kubernetes-models/prometheus-operator@6.0.0 @kubernetes-models/gateway-api@2.0.0'
CHART_TOOLS=$PWD/node_modules/.cache/chart-$({ cat test/chart/requirements.txt; echo "$models"; } | cksum | tr -d ' ')
export CHART_TOOLS
if [ ! -e "$CHART_TOOLS/ready" ]; then
  rm -rf "$CHART_TOOLS"
  python3 -m venv "$CHART_TOOLS/python"
  "$CHART_TOOLS/python/bin/pip" install --quiet --disable-pip-version-check -r test/chart/requirements.txt
  echo '{ "private": true }' > "$CHART_TOOLS/package.json"
  # shellcheck disable=SC2086
  npm install --silent --ignore-scripts --no-audit --no-fund --prefix "$CHART_TOOLS" $models
  touch "$CHART_TOOLS/ready"
fi
