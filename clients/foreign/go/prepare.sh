#!/bin/sh
# Generates the code as docs/generate.md says, with connect-go's stubs in addition, and builds both programs.
set -eu
src=$SCENARIO_CACHE/src
export GOBIN="$SCENARIO_CACHE/bin" GOFLAGS=-mod=mod
mkdir -p "$src"
cp -R . "$src/"
[ -x "$GOBIN/protoc-gen-go" ] || go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
[ -x "$GOBIN/protoc-gen-go-grpc" ] || go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
[ -x "$GOBIN/protoc-gen-connect-go" ] || go install connectrpc.com/connect/v2/cmd/protoc-gen-connect-go@v2.0.2
PATH="$GOBIN:$SCENARIO_ROOT/node_modules/.bin:$PATH"
buf generate "$SCENARIO_ROOT/proto" --template "$SCENARIO_ROOT/docs/generate/go.yaml" -o "$src"
buf generate "$SCENARIO_ROOT/proto" --template connect.gen.yaml -o "$src"
cd "$src"
go build -o "$GOBIN/" ./grpc ./connect
