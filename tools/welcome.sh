#!/bin/sh
# What `make run` says before the log begins.
cat <<'TEXT'

  Open      http://localhost:8080/       sign up, and see the demo service behind the gateway
  Mail      .gatehouse/outbox/           codes and links arrive here, one file each
  Accounts  .gatehouse/                  delete the folder to start over
  API       http://localhost:8080/auth/  see README.md

  Stop with Ctrl-C.

TEXT
