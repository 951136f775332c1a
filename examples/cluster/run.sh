#!/usr/bin/env bash
# Starts two nodes, Postgres, Redis and a balancer on this machine, without containers, until Ctrl-C.
#
#   examples/cluster/run.sh [folder]
#
# In a folder that is named, accounts and passwords stay there until the next time; without one everything goes at the end.
# PORT (8080) is where to go. All other ports are free ones, on loopback. GATEHOUSE may name a gateway that is built
# already. It needs bash 5, Postgres 15 and Redis 7 or newer; nothing of theirs that runs already is touched.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
say() { printf '%s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

port=${PORT:-8080}
taken=" $port "
free() { # sets REPLY to a port that nobody listens on
	while :; do
		REPLY=$((10000 + RANDOM % 4900))
		case $taken in *" $REPLY "*) continue ;; esac
		(: <"/dev/tcp/127.0.0.1/$REPLY") 2>/dev/null || break
	done
	taken+="$REPLY "
}
secret() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

(: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && die "port $port is taken; take another: PORT=8090 $0"
command -v redis-server >/dev/null || die "no redis-server: install Redis"
postgres=$(command -v postgres || ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null | sort -V | tail -n 1) || true
[ -n "$postgres" ] || die "no postgres in PATH or /usr/lib/postgresql/*/bin: install Postgres"
initdb=$(dirname "$(readlink -f "$postgres")")/initdb

gatehouse=${GATEHOUSE:-}
if [ -z "$gatehouse" ]; then
	say "Building the gateway…"
	gatehouse=$here/../../bin/gatehouse
	(cd "$here/../.." && go build -o bin/gatehouse ./cmd/gatehouse)
fi

umask 077
if [ $# -gt 0 ]; then
	mkdir -p "$1"
	dir=$(cd "$1" && pwd)
	keep=yes
else
	dir=$(mktemp -d "${TMPDIR:-/tmp}/gatehouse-cluster.XXXXXX")
	keep=
fi
mkdir -p "$dir"/{log,outbox,home}

# Where this shell dies without a chance to clean up, Linux ends what it has started.
bound() { if command -v setpriv >/dev/null; then exec setpriv --pdeathsig "$1" "${@:2}"; else exec "${@:2}"; fi; }

# Postgres refuses to run as root: then it runs as its package's account.
as=()
if [ "$(id -u)" = 0 ]; then
	account=postgres
	id "$account" >/dev/null 2>&1 || account=nobody
	as=(--reuid "$account" --regid "$(id -g "$account")" --clear-groups)
	command -v setpriv >/dev/null || die "as root this needs setpriv (util-linux)"
	chmod 711 "$dir"
	mkdir -p "$dir/postgres" && chown "$account" "$dir/postgres"
	setpriv "${as[@]}" test -w "$dir/postgres" || die "$account, who runs Postgres, does not reach $dir; take another folder"
else
	mkdir -p "$dir/postgres"
fi
user() { if [ ${#as[@]} -gt 0 ]; then (cd / && setpriv "${as[@]}" "$@"); else "$@"; fi; }

# Programs get these by file or environment, which other users cannot read.
for name in postgres redis gatehouse; do
	[ -s "$dir/$name.secret" ] || secret >"$dir/$name.secret"
done
postgres_password=$(cat "$dir/postgres.secret")
redis_password=$(cat "$dir/redis.secret")

if [ ! -s "$dir/postgres/PG_VERSION" ]; then
	user "$initdb" -D "$dir/postgres" -U postgres --auth reject --encoding UTF8 --locale C --no-instructions \
		>"$dir/log/initdb" 2>&1 || die "initdb: $(tail -n 1 "$dir/log/initdb")"
	printf 'host gatehouse gatehouse 127.0.0.1/32 scram-sha-256\n' >"$dir/postgres/pg_hba.conf"
	printf '%s\n' "create role gatehouse login password '$postgres_password'" "create database gatehouse owner gatehouse" |
		user "$postgres" --single -D "$dir/postgres" postgres >>"$dir/log/initdb" 2>&1
fi

declare -A pids ports
ending=
end() { # ends the named, in good order, and waits
	local name
	for name; do [ -z "${pids[$name]:-}" ] || kill -TERM "${pids[$name]}" 2>/dev/null || true; done
	for name; do [ -z "${pids[$name]:-}" ] || wait "${pids[$name]}" 2>/dev/null || true; done
}
finish() {
	trap '' INT TERM
	trap - EXIT
	ending=yes
	say "Stopping…"
	end node1 node2
	end balancer app redis
	# SIGINT ends Postgres without waiting for its clients.
	[ -z "${pids[postgres]:-}" ] || kill -INT "${pids[postgres]}" 2>/dev/null || true
	[ -z "${pids[postgres]:-}" ] || wait "${pids[postgres]}" 2>/dev/null || true
	rm -f "$dir"/*.pid "$dir/redis.conf"
	[ -n "$keep" ] || rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
set -m # each program in a group of its own, so that Ctrl-C reaches this script alone

for name in postgres redis app node1 node2; do free && ports[$name]=$REPLY; done
ports[balancer]=$port
export XDG_CONFIG_HOME="$dir/home" HOME="$dir/home" BALANCER=127.0.0.1 ISSUER="http://localhost:$port" OUTBOX="$dir/outbox"
export APP="127.0.0.1:${ports[app]}" SITE="http://localhost:$port, http://127.0.0.1:$port"
export NODES="127.0.0.1:${ports[node1]} 127.0.0.1:${ports[node2]}"

caddy() { # caddy <name> <Caddyfile>
	XDG_DATA_HOME=$dir/home/$1 bound TERM "$gatehouse" run --config "$here/$2.caddyfile"
}
program() {
	case $1 in
	postgres)
		bound INT ${as[@]+"${as[@]}"} "$postgres" -D "$dir/postgres" -c listen_addresses=127.0.0.1 -c port="${ports[postgres]}" \
			-c unix_socket_directories=
		;;
	redis) bound TERM redis-server "$dir/redis.conf" ;;
	app) APP_PORT=${ports[app]} APP_BIND=127.0.0.1 caddy app app ;;
	balancer) caddy balancer balancer ;;
	node*)
		NODE_NAME=$1 NODE_PORT=${ports[$1]} NODE_BIND=127.0.0.1 NODE_ADMIN="unix/$dir/$1.sock|0600" SHUTDOWN_DELAY=${SHUTDOWN_DELAY:-3s} \
			DATABASE_URL="postgres://gatehouse:$postgres_password@127.0.0.1:${ports[postgres]}/gatehouse?sslmode=disable" \
			REDIS_URL="redis://:$redis_password@127.0.0.1:${ports[redis]}" GATEHOUSE_SECRET=$(cat "$dir/gatehouse.secret") \
			caddy "$1" node
		;;
	esac
}
launch() {
	program "$1" >>"$dir/log/$1" 2>&1 </dev/null &
	pids[$1]=$!
	printf '%s\n' "${pids[$1]}" >"$dir/$1.pid.new"
	mv "$dir/$1.pid.new" "$dir/$1.pid"
}
answers() { # answers <name> <path>: 200 to a plain request
	local status=
	{ exec 9<>"/dev/tcp/127.0.0.1/${ports[$1]}"; } 2>/dev/null || return 1
	printf 'GET %s HTTP/1.1\r\nHost: localhost:%s\r\nConnection: close\r\n\r\n' "$2" "$port" >&9
	read -r -t 5 _ status _ <&9 || true
	exec 9>&-
	[ "$status" = 200 ]
}
await() { # await <name> <command…>
	local tries
	for ((tries = 0; tries < 600; tries++)); do
		"${@:2}" && return
		kill -0 "${pids[$1]}" 2>/dev/null || die "$1 ended: $(tail -n 1 "$dir/log/$1")"
		sleep 0.1
	done
	die "$1 does not answer; see $dir/log/$1"
}
listens() { (: <"/dev/tcp/127.0.0.1/${ports[$1]}") 2>/dev/null; }
ready() { [ "$(sed -n 8p "$dir/postgres/postmaster.pid" 2>/dev/null | tr -d ' ')" = ready ]; }

printf 'bind 127.0.0.1\nport %s\nrequirepass %s\nsave ""\nappendonly no\ndir %s\n' \
	"${ports[redis]}" "$redis_password" "$dir" >"$dir/redis.conf"
rm -f "$dir"/*.pid
for name in postgres redis app node1 node2 balancer; do launch "$name"; [ "$name" != postgres ] || await postgres ready; done
await redis listens redis
await node1 answers node1 /auth/readyz
await node2 answers node2 /auth/readyz
await balancer answers balancer /auth/readyz

cat <<TEXT

  Open      http://localhost:$port/       sign up; either of two nodes answers (response header X-Served-By)
  Mail      $dir/outbox/
  Logs      $dir/log/
  Kill one  kill -9 \$(cat $dir/node1.pid)      nobody notices; it is started again
  Commands  $gatehouse keys list --address unix/$dir/node1.sock
  Drain one kill \$(cat $dir/node2.pid)         the same, in good order

  Stop with Ctrl-C.

TEXT

# As compose's restart: a node or the balancer that has ended is started again.
while :; do
	{ wait -n "${pids[@]}" || true; } 2>/dev/null # without bash's own word on it
	[ -z "$ending" ] || exit 0
	for name in node1 node2 balancer app redis postgres; do
		kill -0 "${pids[$name]}" 2>/dev/null && continue
		say "$name has ended; starting it again."
		sleep 1 # one that ends at once is not started a thousand times
		launch "$name"
	done
done
