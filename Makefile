GO_TEST_TIMEOUT ?= 25m

.DEFAULT_GOAL := help
.PHONY: help run build test soak bench lint clean need-go

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | expand -t 8

run: build ## build the gateway and start it with the Caddyfile of this folder
	@tools/welcome.sh
	@exec bin/gatehouse run --config Caddyfile

build: need-go ## build bin/gatehouse
	@test -e bin/gatehouse || echo "Building Caddy and Gatehouse; the first time takes some minutes."
	@go build -o bin/gatehouse ./cmd/gatehouse

test: need-go ## run every test; as root, install what they need (Debian)
	@tools/test-deps.sh
	@tools/test-npm.sh
	@tools/test.sh -timeout $(GO_TEST_TIMEOUT)

soak: need-go ## the tests at full length, and every fuzz target for 30 seconds; hours
	@tools/test-deps.sh
	@tools/test-npm.sh
	@tools/soak.sh

bench: build ## measure against bare Caddy in the same run; as root, install what it needs (Debian)
	@tools/test-deps.sh bench
	@go run -C bench . $(BENCH)

lint: need-go ## gofmt, vet, staticcheck, errorlint, tidiness, house rules, vulnerabilities, licences
	@tools/lint.sh

clean: ## remove what make built; accounts in .gatehouse stay
	@rm -rf bin

need-go:
	@tools/need-go.sh
