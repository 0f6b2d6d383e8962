# Sourced by the scripts of this directory. `venv NAME PACKAGE…` makes a virtual environment with these packages, once,
# and sets VENV to its directory.
# shellcheck shell=sh
PYTHON_TOOLS="${XDG_CACHE_HOME:-$HOME/.cache}/artifacta/client-python"

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
