#!/bin/sh
# Runs every test of every module; the arguments are flags for `go test`. The gateways that tests start are built once, into
# bin/test. vet is left to make lint. The packages that start gateways come first: they take longest and mostly wait, so the
# others run beside them.
#
# Hundreds of real processes share the processors here, and one that is not let run for a second looks like an outage. So up to three
# tests that failed among the others are tried once more, each alone, and named: what fails again fails.
set -eu
cd "$(dirname "$0")/.."
export GATEHOUSE_BINARIES="$PWD/bin/test"
go build -o bin/test/gatehouse ./cmd/gatehouse
go build -tags gatehouse_testclock -o bin/test/gatehouse-testclock ./cmd/gatehouse
failed=0
go -C tools test -vet=off "$@" ./... || failed=1
go -C bench test -vet=off "$@" ./... || failed=1

said=$(mktemp)
trap 'rm -f "$said" "$said.status"' EXIT
{
	status=0
	go test -vet=off "$@" ./internal/e2e ./internal/browser ./... || status=$?
	echo "$status" >"$said.status"
} 2>&1 | tee "$said"
if [ "$(cat "$said.status")" != 0 ]; then
	tests=$(sed -n 's/^--- FAIL: \([A-Za-z0-9_]*\) .*/\1/p' "$said" | sort -u)
	packages=$(sed -n 's/^FAIL	\([^ 	]*\)	.*/\1/p' "$said" | sort -u)
	if [ "$(echo "$tests" | wc -w)" -gt 3 ] || [ -z "$tests" ] || grep -qE '^panic:|^FAIL	.*\[' "$said"; then
		failed=1
	else
		echo "again, each alone:" $tests
		# shellcheck disable=SC2086 # one word per package
		go test -vet=off "$@" -count 1 -parallel 1 -run "^($(echo $tests | tr ' ' '|'))\$" $packages || failed=1
	fi
fi
exit $failed
