# Everything here needs Go and make. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
GO ?= go
RACE ?= -race
PACKAGES ?= ./...

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: bin/hub ## Run the whole hub: broker, registry, databases, services (DEMO=1 adds a class of students)
ifdef DEMO
	@$(GO) build -o bin/classroom ./e2e/classroom
	@exec bin/hub 3> >(exec bin/classroom -until-eof)
else
	@exec bin/hub
endif

.PHONY: bin/hub
bin/hub:
	@$(GO) build -o bin/hub ./gen/cmd/hub

.PHONY: build
build: ## Build pl-gen and every service into bin/
	@mkdir -p bin
	$(GO) build -o bin/ ./tools/pl-gen ./gen/cmd/...

.PHONY: generate
generate: ## Generate everything under gen/ from contracts/
	$(GO) run ./tools/pl-gen generate

.PHONY: check
check: ## The one gate: generated code, contracts and formatting are in order
	$(GO) run ./tools/pl-gen check
	@unformatted=$$(gofmt -l $$(git ls-files '*.go' ':!gen/')); test -z "$$unformatted" || { echo "not formatted: $$unformatted"; exit 1; }
	$(GO) vet ./...

.PHONY: test
test: check ## Run every test with the race detector and say how many ran
	@set -o pipefail; $(GO) build -o bin/testsum ./tools/testsum && \
	$(GO) test -json $(RACE) -timeout 20m $(PACKAGES) | bin/testsum

.PHONY: kafka
kafka: e2e/kafka/target/lib/complete ## Fetch the real Apache Kafka for the tests (needs Maven and a JDK 17 or newer)

e2e/kafka/target/lib/complete: e2e/kafka/pom.xml
	@rm -rf $(@D)
	mvn -q -B -ntp -Dstyle.color=never -f $< dependency:copy-dependencies
	@touch $@

.PHONY: chaos
chaos: kafka ## Disturb services, brokers, database, network and clocks at random, and check what is left (SEED= DURATION=2m ENGINE=kafka|nats BROKERS=3)
	$(GO) test ./e2e/chaos -run '^TestChaos$$' -v -count 1 -timeout 0 -seed $(or $(SEED),0) -duration $(or $(DURATION),2m) -engine $(or $(ENGINE),kafka) -brokers $(or $(BROKERS),3)

.PHONY: catalog
catalog: ## Build the catalog of contexts, events and calls into bin/catalog
	$(GO) run ./tools/pl-gen catalog build --out bin/catalog

.PHONY: lint
lint: ## Run golangci-lint with the policy in .golangci.yml
	@command -v golangci-lint >/dev/null || { echo "golangci-lint is missing: go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0"; exit 1; }
	golangci-lint run

.PHONY: bench
bench: bench-codec bench-bus bench-effects bench-generate ## Run all benchmarks and print ratios

.PHONY: bench-codec
bench-codec: ## The generated codec beside other Avro libraries, JSON and protobuf
	cd bench/compare && $(GO) run .

.PHONY: bench-bus
bench-bus: ## Typed publish and consume beside franz-go, nats.go, Watermill and the CloudEvents SDK
	cd bench/compare && $(GO) build -o ../../bin/bench-bus ./bus && ../../bin/bench-bus

.PHONY: bench-effects
bench-effects: ## Exactly-once effects from end to end through PostgreSQL and SQLite, and the latency of 2,000 events/s
	$(GO) test ./bench/effects -count 1 -v -timeout 20m -events 200000 -for 20s | grep report: | sed 's/.*report: //'

.PHONY: bench-generate
bench-generate: ## pl-gen generate: nothing changed, one schema, 1,000 events
	$(GO) run ./bench/generate

.PHONY: load
load: ## 50,000 websockets, 2,000 events/s: latency, losses, memory, CPU (SESSIONS= RATE= FANOUT= DURATION= GATEWAYS= LISTENERS= COMPARE=1: then centrifuge)
	@mkdir -p bin && $(GO) build -o bin/ ./gen/cmd/hub ./gen/cmd/gateway && $(GO) build -o bin/load ./bench/load
	@$(if $(COMPARE),$(GO) build -C bench/compare -o ../../bin/centrifuge ./centrifuge)
	bin/load -sessions $(or $(SESSIONS),50000) -rate $(or $(RATE),2000) -fanout $(or $(FANOUT),10) -duration $(or $(DURATION),5m) \
		-gateways $(or $(GATEWAYS),3) -listeners $(or $(LISTENERS),3) -compare=$(if $(COMPARE),true,false)

.PHONY: web
web: ## Build the page of services/web/app into services/web/dist (needs Node)
	npm install --no-package-lock --no-audit --no-fund --loglevel=error --prefer-offline
	npm run --workspace services/web/app build

.PHONY: clean
clean: ## Remove what make built; the hub's data in .pl stays
	rm -rf bin
