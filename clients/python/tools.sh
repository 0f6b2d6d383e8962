# Sourced by the scripts of this directory.
# shellcheck shell=sh
PYTHON_TOOLS="${XDG_CACHE_HOME:-$HOME/.cache}/artifacta/client-python"

# Ends the script with a reason where there is no Python that can run the tests.
require_python() {
  if ! command -v python3 > /dev/null; then
    echo 'skipped: there is no python3'
    exit 0
  fi
  if ! python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2> /dev/null; then
    echo 'skipped: python3 is older than 3.10, or cannot make virtual environments (in Debian python3-venv is needed)'
    exit 0
  fi
}

# venv NAME PACKAGE…: makes a virtual environment with these packages, once, and sets VENV to its directory.
venv() {
  VENV="$PYTHON_TOOLS/$1-$(python3 -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')"
  shift
  if [ "$(cat "$VENV/packages" 2>/dev/null)" != "$*" ]; then
    rm -rf "$VENV"
    mkdir -p "$PYTHON_TOOLS"
    python3 -m venv "$VENV"
    "$VENV/bin/python" -m pip --disable-pip-version-check install --quiet "$@"
    echo "$*" > "$VENV/packages"
  fi
}
