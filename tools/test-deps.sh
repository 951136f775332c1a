#!/bin/sh
# Brings the programs that the tests start, and with the argument `bench` those of the benchmarks: from
# the system's packages where they are missing and this is root, else it names the packages and fails.
# With everything there it does nothing.
set -eu
purpose=${1:-test}

# One a line: program, Debian package.
case $purpose in
test) wanted='
postgres        postgresql
pgbouncer       pgbouncer
redis-server    redis-server
chromium        chromium
nginx           nginx
prometheus      prometheus
promtool        prometheus
wrk             wrk
gunicorn        gunicorn
django          python3-django
simplejwt       python3-djangorestframework-simplejwt
oathtool        oathtool
node            nodejs
npm             npm
systemd-analyze systemd
' ;;
bench) wanted='
postgres        postgresql
redis-server    redis-server
wrk             wrk
nginx           nginx
gunicorn        gunicorn
django          python3-django
simplejwt       python3-djangorestframework-simplejwt
' ;;
*)
	echo "usage: $0 [bench]" >&2
	exit 2
	;;
esac

# Debian keeps the server programs of Postgres out of PATH; internal/testpg looks there too. Django and what stands on it are
# modules of Debian's Python, and the python3 in PATH may be another.
have() {
	case $1 in
	django) /usr/bin/python3 -c 'import django' 2>/dev/null && return ;;
	simplejwt) /usr/bin/python3 -c 'import rest_framework, rest_framework_simplejwt' 2>/dev/null && return ;;
	*) command -v "$1" >/dev/null && return ;;
	esac
	[ -x "/usr/sbin/$1" ] && return
	[ "$1" = postgres ] && ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1
}

missing() {
	echo "$wanted" | while read -r program package; do
		[ -z "$program" ] || have "$program" || echo "$package"
	done | sort -u | xargs
}

packages=$(missing)
[ -n "$packages" ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "what runs here needs programs of these Debian packages (or this system's like): $packages" >&2
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "packages are missing; as root: apt-get install --no-install-recommends $packages" >&2
	exit 1
fi

# The tests start servers of their own. Packages must not leave others running, nor a cluster of
# Postgres that nobody asked for. What the machine has decided itself stays as it is.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi
cluster=/etc/postgresql-common/createcluster.conf
if [ ! -e "$cluster" ]; then
	mkdir -p "${cluster%/*}"
	echo 'create_main_cluster = false' >"$cluster"
fi

echo "installing: $packages"
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # one word per package
if ! { apt-get -q update &&
	apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends $packages; } >"$log" 2>&1 </dev/null; then
	cat "$log" >&2
	rm -f "$log"
	echo "installing did not work: $packages" >&2
	exit 1
fi
rm -f "$log"

packages=$(missing)
if [ -n "$packages" ]; then
	echo "installed, but their programs are still missing: $packages" >&2
	exit 1
fi
