# Repsync's workbench. `make` alone lists the targets.
#
# Needed on the machine: Go (the version in go.mod; a newer or older `go` fetches it by itself), git, make, bash.
# Everything else is found on PATH or installed once: Temporal's CLI and Postgres by the tests and the development
# stack, the linters into .tools/. Nothing here needs root.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Tools, pinned. Later versions of Temporal's CLI carry a replace directive and cannot be installed with `go install`.
TEMPORAL_VERSION      := v1.5.1
GOLANGCI_VERSION      := v2.15.0
WORKFLOWCHECK_VERSION := v0.6.0

TOOLS := $(CURDIR)/.tools/bin
GOBIN := $(or $(shell go env GOBIN),$(firstword $(subst :, ,$(shell go env GOPATH)))/bin)
export PATH := $(TOOLS):$(PATH):$(GOBIN)

# A checkout that git does not trust (another owner, no .git) cannot be stamped into a binary; do without.
BUILDVCS := $(shell git status --porcelain >/dev/null 2>&1 && echo auto || echo false)

# Packages build and test two at a time: each integration test brings its own servers.
JOBS ?= 2
TEST_TIMEOUT ?= 20m
TEST_FLAGS ?=
FUZZTIME ?= 30s
FUZZ ?= .
PKG ?= ./...

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z][a-z-]*:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: ## build bin/worker and bin/starter
	@[ -x bin/starter ] || echo "building bin/worker and bin/starter: about a minute the first time, seconds afterwards"
	go build -buildvcs=$(BUILDVCS) -o bin/ ./worker ./starter

.PHONY: demo
demo: build ## show a sync end to end, with its own servers; ONCE=1 stops at the end, VCF=, CSV= and ICS= bring your own contacts and calendar
	bin/starter demo $(if $(ONCE),--once) $(if $(VCF),--vcf "$(VCF)") $(if $(CSV),--csv "$(CSV)") $(if $(ICS),--ics "$(ICS)")

.PHONY: dev
dev: build ## run a development stack here until Ctrl-C: Temporal, Postgres, sandbox, worker
	bin/starter dev

.PHONY: tools
tools: ## install Temporal's CLI where it is missing (once, about 4 minutes)
	@.ci/install temporal github.com/temporalio/cli/cmd/temporal@$(TEMPORAL_VERSION) "" "about 4 minutes on 2 cores"

.PHONY: lint-tools
lint-tools:
	@.ci/install golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION) "$(TOOLS)" "about 3 minutes on 2 cores"
	@.ci/install workflowcheck go.temporal.io/sdk/contrib/tools/workflowcheck@$(WORKFLOWCHECK_VERSION) "$(TOOLS)" "some seconds"

# Tests, and the servers and workers that they start, are many small processes: collecting garbage more rarely costs little
# memory and saves an eighth of their CPU.
.PHONY: test
test: export GOGC ?= 400
test: tools ## vet and test everything; brings Temporal and Postgres itself. PKG=./internal/planner TEST_FLAGS='-run Name -v' narrow it
	go vet $(PKG)
	go test -vet=off -p $(JOBS) -timeout $(TEST_TIMEOUT) $(TEST_FLAGS) $(PKG)

.PHONY: lint
lint: lint-tools ## golangci-lint over everything, workflowcheck over the workflows
	golangci-lint run --timeout 10m --allow-parallel-runners
	workflowcheck -config .ci/workflowcheck.yml -show-pos ./workflows/...

.PHONY: verify
verify: ## fail on anything stale: go.mod, formatting, generated files
	@echo "verify: go.mod and go.sum are tidy"
	@go mod tidy -diff
	@echo "verify: gofmt"
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then echo "gofmt would change:"; echo "$$files"; exit 1; fi
	@echo "verify: generated files"
	@before=$$(git diff HEAD | git hash-object --stdin; git ls-files --others --exclude-standard); \
	go generate ./...; \
	after=$$(git diff HEAD | git hash-object --stdin; git ls-files --others --exclude-standard); \
	if [ "$$before" != "$$after" ]; then git status --short; echo "generated files were stale; they are written now, commit them"; exit 1; fi

.PHONY: mutate
mutate: ## force every condition of the planner to true and to false, and see that a test finds each; some minutes
	go test -tags mutate -run TestMutate -count=1 -v -timeout 10m ./internal/planner

.PHONY: fuzz
fuzz: ## let the fuzzer at everything that decodes foreign bytes, FUZZTIME (30s) each, 12 minutes in all; FUZZ='policy|FuzzRow' narrows
	@FUZZTIME="$(FUZZTIME)" .ci/fuzz "$(FUZZ)"

.PHONY: chaos
SEEDS ?= 200
chaos: ## play random stories against the whole engine, and see that no law breaks; SEEDS=200 says how many, SEED=17 tells one step by step, WHOLE=1 takes real processes
	go run ./internal/chaos/cmd $(if $(WHOLE),-whole -benches 6) $(if $(STORY),-story "$(STORY)",$(if $(SEED),-seed $(SEED),-seeds $(SEEDS)))

.PHONY: planted
planted: ## plant known mistakes one by one (internal/planted), and see that a story finds each; BUG= plants one only, UPDATE=1 notes who found it
	go test -tags planted -run '^TestPlanted$$' -count=1 -v -timeout 60m ./internal/chaos -args $(if $(BUG),-bug $(BUG)) $(if $(UPDATE),-update)

.PHONY: day
REPS ?= 100
HOURS ?= 24
day: ## play a day of one org in virtual time, with everything that goes wrong in one, and see that no law breaks; REPS=100 HOURS=24
	go run ./internal/chaos/cmd -day -reps $(REPS) -hours $(HOURS) $(if $(SEED),-seed $(SEED))

.PHONY: bench
BENCH_REPS ?= 1000
BENCH_MINUTES ?= 60
BENCH_EVERY ?= 5m
bench: tools ## measure what everything costs, on the whole engine, and print one table (docs/bench.md); an hour and a half. ROWS=first,quotas,changes,idle,fleet narrows; BENCH_REPS=200 BENCH_EVERY=1m BENCH_MINUTES=5 is the load of the whole fleet in eight minutes
	go run ./internal/bench/cmd $(if $(ROWS),-rows $(ROWS)) -reps $(BENCH_REPS) -every $(BENCH_EVERY) -minutes $(BENCH_MINUTES) $(if $(PROFILE),-profile $(PROFILE))

.PHONY: bench-go
bench-go: ## run the Go benchmarks
	go test -run '^$$' -bench . -benchmem -timeout 30m $(PKG)

.PHONY: bench-compare
bench-compare: ## run the Go benchmarks here and at another commit, and print what benchstat makes of it: make bench-compare BASE=main; PKG=, BENCH=, COUNT=6
	@PKG="$(filter-out ./...,$(PKG))" BENCH="$(BENCH)" COUNT="$(COUNT)" BENCHTIME="$(BENCHTIME)" .ci/bench-compare "$(BASE)"

.PHONY: endure
endure: tools ## what takes too long for `make test`: Postgres in every trouble, memory, the time from a crash to the first write; some minutes
	go vet -tags endure ./internal/e2e
	go test -vet=off -tags endure -timeout $(TEST_TIMEOUT) -v -run 'TestMemory|TestDisk|TestPrimary|TestConnections|TestDeadlocks|TestOneConnection|TestRestartToFirstWrite' ./internal/e2e | grep -v '^=== '

.PHONY: bench-memory
bench-memory: tools ## sync a mailbox of 100,000 contacts each way and print the worker's peak memory, bar 256 MiB; half an hour or more. ITEMS=… for others
	REPSYNC_MEMORY_ITEMS=$(or $(ITEMS),100000) go test -tags endure -run TestMemoryOfAMailbox -count=1 -v -timeout 4h ./internal/e2e

.PHONY: bench-restart
bench-restart: tools ## measure from a worker's start to its first write after a crash, bar 5 s; two minutes
	go test -tags endure -run TestRestartToFirstWrite -count=1 -v -timeout 10m ./internal/e2e

.PHONY: record-histories
record-histories: build tools ## record the workflows' histories for the replay tests; only from released code
	@if [ -n "$$(git status --porcelain -- '*.go')" ]; then echo "there are uncommitted changes; histories are recorded from released code only: check out the tag first"; exit 1; fi
	REPSYNC_RECORD_HISTORIES=1 go test -run 'TestRecordHistories' -count=1 -v ./workflows/...

.PHONY: clean
clean: ## remove what make built, and a stopped development stack's data
	@for d in .repsync .repsync-demo; do \
	if [ -f $$d/lock ] && command -v flock >/dev/null && ! flock -n $$d/lock true; then echo "a stack runs in $$d; stop it first"; exit 1; fi; done
	for d in .repsync .repsync-demo; do if [ -L $$d/postgres ]; then rm -rf "$$(readlink $$d/postgres)"; fi; done
	rm -rf bin .repsync .repsync-demo coverage.out mutation.json
