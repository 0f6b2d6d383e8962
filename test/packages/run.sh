#!/usr/bin/env bash
# Makes the packages and installs them as somebody would who has nothing of ours: one line per case, with what it took.
# It needs npm and its registry; the half of it that installs the wheel is skipped where that cannot be (pip.sh).
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
PATH=$(tr : '\n' <<<"$PATH" | grep -vF "$root/" | paste -sd :)
node scripts/install.mjs
work=$(mktemp -d)
services=()
cleanup() {
  for each in "${services[@]}"; do kill "$each" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT

begun=0
begin() { begun=$(date +%s%N); }
done_with() { # what
  printf '%s: %d ms\n' "$1" $((($(date +%s%N) - begun) / 1000000))
}
fail() {
  printf 'FAILED: %s\n' "$1"
  exit 1
}
expect() { # what, pattern, text
  grep -qE "$2" <<<"$3" || fail "$1: no /$2/ in: $3"
}

# Nothing of this machine but the tools: no Node of ours, no cache, a home that is empty.
tools=$work/tools
mkdir -p "$tools"
for tool in sh bash env timeout dirname readlink find grep sed cat ls rm mkdir; do ln -s "$(command -v "$tool")" "$tools/$tool"; done
unset NODE_OPTIONS NODE_COMPILE_CACHE "${!ARTIFACTA_@}" "${!XDG_@}"
npm_of_machine=$(dirname "$(readlink -f "$(command -v npm)")")
# How registries are reached stays as it is. The settings of the machine are read here, with its own Node: npm looks for
# them beside the Node that runs it, and does not find them when that is another one.
npm_config_userconfig=$(npm config get userconfig)
npm_config_globalconfig=$(npm config get globalconfig)
export npm_config_userconfig npm_config_globalconfig
alone() { # home, path, command …
  local home=$1 path=$2
  shift 2
  mkdir -p "$home"
  env HOME="$home" PATH="$path:$tools" npm_config_cache="$home/.npm" npm_config_update_notifier=false \
    npm_config_fund=false npm_config_audit=false timeout 120 "$@"
}

begin
node_modules/.bin/node scripts/package/main.ts npm wheels
done_with 'the packages are made, for every platform'
packages=$root/dist-packages
tarball=$(ls "$packages"/artifacta-*.tgz)
wheel=$(ls "$packages"/*-manylinux_2_28_x86_64.whl)
mkdir "$work/dist-packages"
cp "$tarball" "$work/dist-packages/"
npm_tarball=./dist-packages/$(basename "$tarball")
# What a reader copies names what is made.
for line in "npx $npm_tarball push " "pip install ./dist-packages/$(basename "$wheel")"; do
  for page in README.md docs/install.md; do grep -qF "    $line" "$page" || fail "$page has no line: $line"; done
done
echo '{"total": 42}' > "$work/output.json"
push=(push "$work/output.json" --session run_42 --meta agent=claude-sonnet pipeline=billing)

# Node of two lines, as npm has them.
for line in 22 24; do
  mkdir -p "$work/node$line"
  echo '{"allowScripts": {"node": true}}' > "$work/node$line/package.json"
  (cd "$work/node$line" && npm install --loglevel=error --no-audit --no-fund "node@$line")
done
node22=$work/node22/node_modules/node/bin
node24=$work/node24/node_modules/node/bin
# At once, where npx would ask again and again for as long as it is given.
said=$(alone "$work/home-npx" "$node24" node "$npm_of_machine/npm-cli.js" view node@24 version --fetch-retries=0 2>&1) ||
  fail "npm of this machine does not reach its registry under a Node of its registry: $said"
npx() { # node, home, arguments …
  local path=$1 home=$2
  shift 2
  (cd "$work" && alone "$home" "$path" node "$npm_of_machine/npx-cli.js" --yes "$@")
}

begin
said=$(npx "$node24" "$work/home-npx" "$npm_tarball" "${push[@]}" 2> "$work/npx.log") || fail "npx: $(cat "$work/npx.log")"
done_with 'npx: from nothing to the first push, no server'
expect npx ' new +run_42/output.json' "$said"
begin
said=$(npx "$node24" "$work/home-npx" "$npm_tarball" cat run_42/output.json)
done_with 'npx: again'
expect 'npx, again' '^\{"total": 42\}$' "$said"
said=$(npx "$node22" "$work/home-npx" "$npm_tarball" ls 2>&1) && fail 'the command runs on Node 22'
expect 'Node 22' '^artifacta: cannot run without Node 24 or later; `node` on the PATH is v22\.' "$said"
echo 'npx: Node 22 is refused in a sentence'

mkdir -p "$work/app"
cp "$root"/test/packages/programs/* "$work/app/"
cd "$work/app"
echo '{"type": "module", "private": true}' > package.json
begin
npm install --loglevel=error --no-audit --no-fund "$tarball" typescript@5.9 @types/node@22
done_with 'npm install beside TypeScript 5.9'
command=$work/app/node_modules/.bin/artifacta
PATH="$node24:$PATH" HOME="$work/home-app" "$command" serve --data-dir "$work/data" --grpc-listen 127.0.0.1:0 \
  --http-listen 127.0.0.1:0 --admin-listen none > "$work/service.log" &
services+=($!)
for _ in $(seq 300); do
  ready=$(grep '"msg":"ready"' "$work/service.log" || true)
  [ -n "$ready" ] && break
  kill -0 "${services[0]}" || fail 'the service of the package has ended'
  sleep 0.1
done
grpc=grpc://$(sed -n 's/.*"grpc":"\([^"]*\)".*/\1/p' <<<"$ready")
http=http://$(sed -n 's/.*"http":"\([^"]*\)".*/\1/p' <<<"$ready")
tsc=(node_modules/.bin/tsc --strict --module nodenext --skipLibCheck false)
begin
"${tsc[@]}" --target es2023 --lib es2023 --types node --outDir compiled use.ts
done_with "$(node_modules/.bin/tsc --version | sed 's/Version/TypeScript/'), with types of Node and none of browsers"
mv node_modules/@types "$work/types"
{ echo 'declare const process: { argv: string[] };'; cat use.ts; } > bare.ts
"${tsc[@]}" --target es2022 --exactOptionalPropertyTypes --noEmit bare.ts
mv "$work/types" node_modules/@types
echo 'TypeScript 5.9, without types of Node'
for line in 22 24; do
  path=$work/node$line/node_modules/node/bin
  said=$("$path/node" compiled/use.js "$grpc")
  expect "TypeScript on Node $line" '^2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824$' "$said"
  said=$("$path/node" use.js "$http" "$work/output.json")
  expect "JavaScript on Node $line" '^\{"total": 42\}$' "$said"
  said=$("$path/node" web.js "$http")
  expect "artifacta/web on Node $line" '^1000000 true$' "$said"
  echo "the client on Node $("$path/node" --version), from TypeScript over gRPC and from JavaScript over HTTP"
done
cd "$root"

# shellcheck source=test/packages/pip.sh
. test/packages/pip.sh
if [ "$(uname -sm)" != 'Linux x86_64' ]; then
  echo 'skipped: pip: only the wheel for Linux on x86-64 is run'
elif ! command -v python3 > /dev/null; then
  echo 'skipped: pip: there is no python3'
elif ! said=$(python3 -m venv "$work/venv" 2>&1); then
  echo "skipped: pip: python3 cannot make a virtual environment (in Debian python3-venv is needed): $said"
else
  use_wheel
fi
