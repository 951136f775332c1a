#!/bin/sh
# Runs every check over every module, prints what each one found, and fails if any found something.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$(pwd)

formatted() {
	files=$("$(go env GOROOT)/bin/gofmt" -l .) || return
	[ -z "$files" ] || {
		echo "$files"
		return 1
	}
}

# A module file that is far off would bury the other findings.
tidy() {
	difference=$(go mod tidy -diff 2>&1) && return
	echo "$difference" | sed -n '/^go: downloading /!p' | head -n 40
	echo 'to mend: go mod tidy'
	return 1
}

failed=
check() {
	name=$1
	shift
	if ! output=$("$@" 2>&1); then
		printf '== %s\n%s\n' "$name" "$output"
		failed="$failed${failed:+, }$name"
	fi
}

check 'building the linters' go build -C tools -o "$root/bin/tools/" tool ./house ./vuln ./licences
check gofmt formatted
check house bin/tools/house
for module in . tools bench; do
	[ -f "$module/go.mod" ] || continue
	cd "$root/$module" || exit 1
	check "go mod tidy ($module)" tidy
	check "go vet ($module)" go vet ./...
	check "staticcheck ($module)" "$root/bin/tools/staticcheck" ./...
	check "errorlint ($module)" "$root/bin/tools/go-errorlint" ./...
done

cd "$root" || exit 1
check 'known vulnerabilities' bin/tools/vuln
check licences bin/tools/licences
# The rolling upgrade stands behind a tag: it needs two programs, which tools/soak.sh brings.
check 'go vet (upgrade)' go vet -tags upgrade ./internal/e2e
check 'staticcheck (upgrade)' bin/tools/staticcheck -tags upgrade ./internal/e2e
# Nobody here runs on Windows, where the store locks its file by other means.
check 'compiling for Windows' env GOOS=windows CGO_ENABLED=0 go build ./authcore/...

if [ -n "$failed" ]; then
	echo "lint: found something: $failed" >&2
	exit 1
fi
echo 'lint: clean'
