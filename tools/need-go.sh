#!/bin/sh
# Ends with one line where Go is missing or older than go.mod asks for.
set -eu
cd "$(dirname "$0")/.."

need=$(sed -n 's/^go //p' go.mod)
if ! command -v go >/dev/null; then
	echo "Go $need or newer is needed, and there is no go in PATH: see https://go.dev/doc/install" >&2
	exit 1
fi
# An older Go may fetch the newer one by itself (GOTOOLCHAIN=auto): asked here, it says what it would use.
have=$(go env GOVERSION 2>/dev/null | sed 's/^go//; s/ .*//') || have=
: "${have:=$(GOTOOLCHAIN=local go env GOVERSION | sed 's/^go//; s/ .*//')}"
if [ "$(printf '%s\n' "$need" "$have" | sort -V | head -n 1)" != "$need" ]; then
	echo "Go $need or newer is needed, and $(command -v go) is Go $have: see https://go.dev/doc/install" >&2
	exit 1
fi
