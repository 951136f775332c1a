#!/usr/bin/env bash
# The catalogue at full length: every fuzz target for FUZZTIME (30s), all tests in their long forms (internal/soak), the
# rolling upgrade from the release before, and the product's packages under the race detector. One line per step; it goes on after a failure and names at
# the end what failed and what fuzzing found. SOAK_TIMEOUT (3h) bounds the long forms, SOAK_LOGS keeps the logs, and
# SOAK_STEPS chooses among "fuzz long upgrade race".
set -u
cd "$(dirname "$0")/.." || exit 1
FUZZTIME=${FUZZTIME:-30s}
SOAK_TIMEOUT=${SOAK_TIMEOUT:-3h}
SOAK_STEPS=${SOAK_STEPS:-fuzz long upgrade race}
logs=${SOAK_LOGS:-$(mktemp -d)}
mkdir -p "$logs" || exit 1
failed=()

# step runs a command with its output in a log. What failed is shown at once, for the run may go on for hours.
step() {
	local name=$1 log start=$SECONDS result=ok
	shift
	log=$logs/$(echo "$name" | tr -c 'a-zA-Z0-9\n' '-').log
	if ! "$@" >"$log" 2>&1 </dev/null; then
		result=FAILED
		failed+=("$name")
	fi
	printf '%-6s %5ds  %s\n' "$result" $((SECONDS - start)) "$name"
	[ "$result" = ok ] || grep -v '^ok \|no test files' "$log" | tail -n 60 | sed 's/^/        /'
}

# Their targets: a package and the name of a function to a line.
targets() {
	grep -rlE '^func Fuzz[A-Z]' --include='*_test.go' authcore caddymodule cmd internal | xargs -r -n 1 dirname | sort -u |
		while read -r folder; do
			list=$(go test -list '^Fuzz' "./$folder") || {
				echo "./$folder cannot be built" >&2
				exit 1
			}
			echo "$list" | sed -n "s|^Fuzz|./$folder Fuzz|p"
		done
}

# The release before: the last tag, or where there is none what stood before the newest migration.
previous() {
	local migrations added
	git describe --tags --abbrev=0 --match 'v*' HEAD^ 2>/dev/null && return
	migrations=(authcore/platform/sqlstore/migrations/postgres/*.sql)
	added=$(git log --diff-filter=A --format=%H -- "${migrations[-1]}" | tail -n 1)
	if [ -n "$added" ]; then added=$added^; fi
	git rev-parse --verify "${added:-HEAD}"
}

# upgrade runs K08 with the program of the release before. Its source comes from an archive, which leaves nothing in the
# repository as a worktree would.
upgrade() (
	revision=$(previous) && folder=$(mktemp -d) || exit
	trap 'rm -rf "$folder"' EXIT
	mkdir "$folder/source" && git archive "$revision" | tar -x -C "$folder/source" || exit
	go build -C "$folder/source" -o "$folder/gatehouse" ./cmd/gatehouse || exit
	# It can run on this schema if it knows it, or asks a newer one whether it fits.
	back=0
	here=$(cd authcore/platform/sqlstore/migrations/postgres && echo *.sql)
	there=$(cd "$folder/source/authcore/platform/sqlstore/migrations/postgres" && echo *.sql)
	if [ "$here" = "$there" ] || grep -rq schema_fits "$folder/source/authcore/platform/sqlstore"; then back=1; fi
	echo "the release before is $revision; it can go on with this schema: $back"
	GATEHOUSE_SOAK=1 GATEHOUSE_PREVIOUS=$folder/gatehouse GATEHOUSE_PREVIOUS_BACK=$back \
		go test -tags upgrade -run '^TestK08_' -v -timeout 1h -count=1 ./internal/e2e
)

findings() { find authcore caddymodule cmd internal -path '*/testdata/fuzz/*' -type f | sort; }

before=$(findings)
for s in $SOAK_STEPS; do
	case $s in
	fuzz)
		list=$(targets) || failed+=('finding the fuzz targets')
		[ -n "$list" ] || failed+=('there are no fuzz targets')
		while read -r package target; do
			[ -z "$target" ] || step "fuzz $package $target" go test -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" "$package"
		done <<<"$list"
		;;
	long)
		step 'all tests, long' env GATEHOUSE_SOAK=1 tools/test.sh -timeout "$SOAK_TIMEOUT" -count=1
		;;
	upgrade)
		step 'rolling upgrade' upgrade
		;;
	race)
		# One package at a time, for under the detector everything takes several times as long, and the product's own time-outs
		# do not. What internal holds only drives processes, which the detector does not see into.
		step 'race detector' env CGO_ENABLED=1 go test -race -p 1 -parallel 4 -timeout 1h -count=1 ./authcore/... ./caddymodule/...
		;;
	*)
		echo "SOAK_STEPS: there is no step $s" >&2
		exit 2
		;;
	esac
done

new=$(comm -13 <(echo "$before") <(findings))
if [ -n "$new" ]; then
	echo "fuzzing found inputs; mend what they show and keep them as seeds:"
	echo "$new" | sed 's/^/  /'
fi
if [ ${#failed[@]} -gt 0 ]; then
	printf 'soak: failed: %s\n' "${failed[@]}" >&2
	echo "logs: $logs" >&2
	exit 1
fi
[ -n "${SOAK_LOGS:-}" ] || rm -rf "$logs"
echo 'soak: all passed'
