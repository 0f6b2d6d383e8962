#!/bin/sh
# Runs the Connect conformance suite against our listeners, a protocol at a time. Ends with 0 if what fails is exactly what
# known-failing/ lists: a case that comes to pass has to leave its list.
set -eu
cd "$(dirname "$0")/../.."
version=v1.0.5
if ! command -v go > /dev/null; then
  echo 'skipped: there is no go'
  exit 0
fi
node scripts/install.mjs
export PATH="$PWD/node_modules/.bin:$PATH"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
GOBIN="$work" go install "connectrpc.com/conformance/cmd/connectconformance@$version"
suite=$(cd "$work" && go mod download -json "connectrpc.com/conformance@$version" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p')
buf build "$suite" -o "$work/suite.binpb"

# May fail or not. Timeouts: at a deadline, client and server each end the call, and where the server's answer comes first
# it has our ErrorInfo. Deadline Propagation: a success has two seconds, from the first call of a server that has just
# started; on a machine that does other work as well that was too short once in twenty runs.
status=0
for protocol in grpc connect grpc-web; do
  if timeout 300 "$work/connectconformance" --mode server --max-servers 2 --conf "test/conformance/$protocol.yaml" \
    --known-failing "@test/conformance/known-failing/$protocol.txt" \
    --known-flaky 'Timeouts/**' --known-flaky 'Deadline Propagation/**/success' \
    -- node test/conformance/server.ts "$work/suite.binpb" > "$work/out" 2>&1; then
    echo "$protocol: $(sed -n 's/^Total cases: /of /p; s/^[0-9]* passed.*/&/p' "$work/out" | tr '\n' ' ')"
  else
    status=1
    echo "$protocol: not what is known"
    cat "$work/out"
  fi
done
exit "$status"
