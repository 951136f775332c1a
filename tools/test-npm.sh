#!/bin/sh
# Brings the OpenID provider that tests start, from npm, as its lockfile pins it. With it there it does nothing.
set -eu
cd "$(dirname "$0")/../internal/testoidc/testdata"
cmp -s package-lock.json node_modules/.of && exit 0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
npm ci --no-audit --no-fund --ignore-scripts --loglevel=error >"$log" 2>&1 </dev/null || {
	cat "$log" >&2
	echo "npm could not install what internal/testoidc/testdata/package-lock.json names" >&2
	exit 1
}
cp package-lock.json node_modules/.of
