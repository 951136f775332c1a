#!/bin/sh
# Runs every test of every module; the arguments are flags for `go test`. The gateways that tests start are built once, into
# bin/test. vet is left to make lint. The packages that start gateways come first: they take longest and mostly wait, so the
# others run beside them. Without what debuggers read, tests link in half the time.
set -eu
cd "$(dirname "$0")/.."
export GATEHOUSE_BINARIES="$PWD/bin/test"
go build -o bin/test/gatehouse ./cmd/gatehouse
go build -tags gatehouse_testbuild -o bin/test/gatehouse-testbuild ./cmd/gatehouse
failed=0
go -C tools test -vet=off "$@" ./... || failed=1
go -C bench test -vet=off "$@" ./... || failed=1
go test -vet=off -ldflags="-s -w" "$@" ./internal/e2e ./internal/browser ./... || failed=1
exit $failed
