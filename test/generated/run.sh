#!/bin/sh
# Generates clients as docs/generate.md says, and runs those in Python and Java against a service: each starts beside the
# published packages for errors and health, pushes, lists, and reads the reason of an error. The one in Go, and others, do
# more: see clients/foreign.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
node scripts/install.mjs
export PATH="$root/node_modules/.bin:$PATH"
work=$(mktemp -d)
service=
cleanup() {
  [ -z "$service" ] || kill "$service" 2>/dev/null || true
  chmod -R u+w "$work"
  rm -rf "$work"
}
trap cleanup EXIT

bin/artifacta serve --data-dir "$work/data" --grpc-listen 127.0.0.1:0 --http-listen none --admin-listen none \
  > "$work/service.log" 2>&1 &
service=$!
address=
for _ in $(seq 300); do
  address=$(sed -n 's/.*"msg":"ready".*/&/p' "$work/service.log" | sed -n 's/.*"grpc":"\([^"]*\)".*/\1/p')
  [ -n "$address" ] && break
  kill -0 "$service"
  sleep 0.1
done
[ -n "$address" ] || { cat "$work/service.log"; exit 1; }

expect() { # language, output
  for line in 'health SERVING' 'listed 1 True' 'reason SESSION_NOT_FOUND artifacta'; do
    printf '%s\n' "$2" | grep -qix "$line" || { printf '%s: no line "%s" in:\n%s\n' "$1" "$line" "$2"; exit 1; }
  done
  echo "$1: generated, started, pushed, listed, and read the reason of an error"
}

if command -v python3 > /dev/null; then
  python3 -m venv "$work/python"
  "$work/python/bin/pip" install --quiet --disable-pip-version-check grpcio-tools==1.85.1 grpcio-status==1.85.1 \
    grpcio-health-checking==1.85.1 googleapis-common-protos==1.76.0
  mkdir "$work/generated"
  "$work/python/bin/python" -m grpc_tools.protoc -I proto --python_out="$work/generated" --pyi_out="$work/generated" \
    --grpc_python_out="$work/generated" proto/artifacta/v1/*.proto
  expect Python "$(PYTHONPATH="$work/generated" "$work/python/bin/python" test/generated/python/client.py "$address")"
else
  echo 'skipped: there is no python3'
fi

# The plugin is served for some versions and platforms only; Maven keeps what it has fetched.
if command -v mvn > /dev/null && command -v javac > /dev/null && [ "$(uname -sm)" = 'Linux x86_64' ]; then
  cp -r test/generated/java "$work/java"
  fetch() { # group, name, version
    mvn --batch-mode --quiet org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
      -Dartifact="$1:$2:$3:exe:linux-x86_64" -DoutputDirectory="$work/java-tools" -Dmdep.stripVersion=true
    mv "$work/java-tools/$2-linux-x86_64.exe" "$work/java-tools/$2"
    chmod +x "$work/java-tools/$2"
  }
  fetch com.google.protobuf protoc 4.33.5
  fetch io.grpc protoc-gen-grpc-java 1.83.1
  PATH="$work/java-tools:$PATH" buf generate proto --template docs/generate/java.yaml -o "$work/java"
  # It resets the colors of a terminal, whatever it is told.
  resets=$(printf '\033')'\[[0-9;]*m'
  expect Java "$(cd "$work/java" && mvn --batch-mode --quiet compile exec:java -Dexec.args="$address" | sed "s/$resets//g")"
else
  echo 'skipped: there is no Maven with a JDK for Linux on x86-64'
fi
