# Daybook. The two to know: make test proves everything, make demo shows it.
SHELL := /bin/bash
GO ?= go
TEMPL := $(GO) run github.com/a-h/templ/cmd/templ@v0.3.977
STATICCHECK := $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
STATIC_SOURCES := $(wildcard static/*.js static/*.css) static/package.json static/package-lock.json
BUNDLE := static/dist/still.js

.PHONY: build test demo lint generate setup clean

build: bin/daybook

# The binary is made by go's own cache; make only has to ask.
.PHONY: bin/daybook
bin/daybook: $(BUNDLE)
	$(GO) build -o bin/daybook ./cmd/daybook

# Charts, styles and fonts, from npm packages.
$(BUNDLE): $(STATIC_SOURCES)
	cd static && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build

setup:
	.ci/setup

test: setup $(BUNDLE) lint
	DAYBOOK_TEST=strict $(GO) test -timeout 15m ./...

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...
	$(STATICCHECK) ./...
	@before=$$(cat templates/*_templ.go | sha256sum); $(TEMPL) generate -path templates >/dev/null 2>&1 && \
	  test "$$before" = "$$(cat templates/*_templ.go | sha256sum)" || { echo "templates/*_templ.go were not what the templ files say; they are now: commit them"; exit 1; }

# templ files to Go; the result is committed.
generate:
	$(TEMPL) generate -path templates

demo: bin/daybook
	bin/daybook demo

clean:
	rm -rf bin static/dist/* static/node_modules

# The long proofs, one target each; make test runs a slice of every one.
.PHONY: prove prove-kill prove-fetch prove-collect prove-bigday prove-mail prove-ledger prove-fuzz prove-seeds bench
prove: prove-kill prove-fetch prove-collect prove-bigday prove-mail prove-ledger prove-seeds prove-fuzz

# kill -9 at fifty random moments of run and backfill.
prove-kill: $(BUNDLE)
	DAYBOOK_TEST=strict DAYBOOK_PROVE=1 $(GO) test -count=1 -timeout 10m -run 'KilledAtAnyMoment|KillAtEveryStep' -v ./cmd/daybook

# 1,000,000 rows of MySQL and 200,000 items of DynamoDB, each fetch ended by kill -9 ten times: some minutes.
prove-fetch: $(BUNDLE)
	DAYBOOK_TEST=strict DAYBOOK_PROVE=1 $(GO) test -count=1 -timeout 10m -run SurviveKill9 -v ./cmd/daybook

# 20,000 events a second for a minute, ten times as many for ten seconds, kill -9: two minutes, best on a machine that does nothing else.
prove-collect: $(BUNDLE)
	DAYBOOK_TEST=strict DAYBOOK_PROVE=1 $(GO) test -count=1 -timeout 10m -run TwentyThousandEvents -v ./cmd/daybook

# 10,000 people at 200 messages a second, with throttling and bounces: a minute.
prove-mail:
	DAYBOOK_PROVE=1 $(GO) test -count=1 -timeout 5m -run TenThousandPeople -v ./jobs

# 2,000 storms of deliveries, reruns, crashes, events and people who leave: some minutes. DAYBOOK_SEED=n repeats one.
prove-ledger:
	DAYBOOK_PROVE=1 $(GO) test -count=1 -timeout 20m -parallel 4 -run NoStorm -v ./jobs

# A day of 2,000,000 events, 5 GB of JSON, within 1 GB of memory: some two minutes.
prove-bigday: $(BUNDLE)
	DAYBOOK_PROVE=1 $(GO) test -count=1 -timeout 10m -run TwoMillion -v ./cmd/daybook

# Real data of the seeds, where it lies beside the repository.
prove-seeds: $(BUNDLE)
	$(GO) test -count=1 -timeout 10m -v ./examples

# Every fuzz target for a while.
prove-fuzz: $(BUNDLE)
	@for p in $$($(GO) list ./...); do for f in $$($(GO) test -list '^Fuzz' $$p | grep ^Fuzz); do \
	  echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime 20s $$p || exit 1; done; done

bench: $(BUNDLE)
	$(GO) run ./bench
