#!/bin/sh
# Tests the extras of the Python client with the real frameworks: fsspec with pandas and pyarrow, and Google ADK.
# Arguments are those of pytest.
set -eu
cd "$(dirname "$0")"
. ./tools.sh
require_python
node ../../scripts/install.mjs
export PYTHONDONTWRITEBYTECODE=1
venv frameworks protobuf==7.36.2 grpcio==1.85.1 pytest==9.2.0 fsspec==2026.9.0 google-adk==2.13.0 pandas==3.1.1 pyarrow==26.0.1
# Installed, since fsspec finds its file systems by what packages say of themselves.
"$VENV/bin/python" -m pip --disable-pip-version-check install --quiet --no-deps --force-reinstall .
trap '"$VENV/bin/python" -m pip --disable-pip-version-check uninstall --quiet --yes artifacta-client' EXIT
if [ $# -eq 0 ]; then
  set -- tests/frameworks
fi
"$VENV/bin/python" -m pytest -o pythonpath=. -o pythonpath=tests "$@"
