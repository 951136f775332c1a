#!/usr/bin/env bash
# What `make run` says before the log begins.
for port in 8080 8081; do
	if (: </dev/tcp/127.0.0.1/$port) 2>/dev/null; then
		echo "port $port is taken: another gateway or service listens there; stop it, or change the ports in the Caddyfile" >&2
		exit 1
	fi
done
cat <<'TEXT'

  Open      http://localhost:8080/       sign up, and see the demo service behind the gateway
  Mail      .gatehouse/outbox/           codes and links arrive here, one file each
  Accounts  .gatehouse/                  delete the folder to start over
  API       http://localhost:8080/auth/docs   every call, to try
  Console   http://localhost:8080/auth/console   for administrators; the log has a link that makes the first

  Stop with Ctrl-C.

TEXT
