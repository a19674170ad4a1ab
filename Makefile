# `make help` lists what can be done here. Go and make are all it takes, but for
# `make test-race`, which wants a C compiler.

GO      ?= go
BIN     := bin
# Where `make install` puts the programs: where `go install` would.
BINDIR  ?= $(or $(shell $(GO) env GOBIN),$(shell $(GO) env GOPATH)/bin)
FUZZTIME ?= 5s
# Least share of statements that tests execute, folder by folder.
COVERAGE = simulator:85 binpack:85 offerings:85 controllers:80 cmd:80
TRACES   ?= ../shared/traces

.DEFAULT_GOAL := help

##@ Use it

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The example holds a few mistakes on purpose, so its exit code is 2.
.PHONY: demo
demo: build ## Plan for the bundled example cluster: printed, and as an HTML report
	@$(BIN)/whatif plan --example || [ $$? -eq 2 ]
	@$(BIN)/whatif plan --example -o html --output-file $(BIN)/demo.html 2>/dev/null || [ $$? -eq 2 ]
	@printf '\nThe same as a picture: %s/demo.html\n' $(BIN)

.PHONY: build
build: ## Build whatif and the controller into bin/
	@mkdir -p $(BIN)
	@$(GO) build -o $(BIN)/ ./cmd/whatif ./cmd/controller

.PHONY: install
install: build ## Install whatif, and the same program as `kubectl whatif`, into BINDIR
	@mkdir -p '$(BINDIR)'
	@install -m 755 $(BIN)/whatif '$(BINDIR)/whatif'
	@ln -sf whatif '$(BINDIR)/kubectl-whatif'
	@echo "installed whatif and kubectl-whatif in $(BINDIR)"

##@ Test it

.PHONY: test
test: ## Run the unit tests
	$(GO) test ./...

# The race detector needs packages where goroutines meet, not the whole tree.
RACE = ./simulator ./cmd/whatif/... ./controllers/...

.PHONY: test-race
test-race: ## Run the tests of the packages with goroutines under the race detector
	CGO_ENABLED=1 $(GO) test -race $(RACE)

# Statements of a folder's packages that the tests of the same folder execute;
# tests elsewhere do not count, nor do helpers that only tests import (simtest).
.PHONY: cover
cover: ## Check how much of each folder its tests cover (COVERAGE)
	@mkdir -p $(BIN); failed=0; \
	for entry in $(COVERAGE); do \
		folder=$${entry%:*}; least=$${entry#*:}; \
		packages=$$($(GO) list ./$$folder/... | grep -vE '/(simtest|planetest)$$'); \
		$(GO) test -coverprofile=$(BIN)/cover-$$folder.out -coverpkg=$$(echo $$packages | tr ' ' ,) $$packages || failed=1; \
		$(GO) tool cover -func=$(BIN)/cover-$$folder.out | awk -v folder=$$folder -v least=$$least \
			'/^total:/ {printf "%s: %s of statements, at least %d %% wanted\n", folder, $$3, least; met = $$3 + 0 >= least} END {exit !met}' || failed=1; \
	done; exit $$failed

# One target at a time is how `go test -fuzz` works.
.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME
	@grep -rE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+\(' . | sort | \
	sed -E 's|^(.*)/[^/]*:func (Fuzz[A-Za-z0-9_]+).*|\1 \2|' | while read -r package target; do \
		echo "$$package $$target"; \
		$(GO) test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) "$$package" || exit 1; \
	done

# Every workload directory below TRACES is planned for and its plan held against
# it by a script that is not ours; in fragmented clusters nothing is pending. The
# traces are no part of this project.
.PHONY: traces
traces: build ## Plan for the real workloads in TRACES, where they are present
	@if [ ! -f '$(TRACES)/../tools/check_plan.py' ]; then echo "no traces at $(TRACES): skipped"; exit 0; fi; \
	if ! command -v python3 > /dev/null; then echo "no python3 to check plans with: skipped"; exit 0; fi; \
	failed=0; for pods in $$(find '$(TRACES)' -name pods.json | sort); do \
		workload=$${pods%/pods.json}; \
		case $$workload in */fragmented-*) continue ;; esac; \
		printf '%s: ' "$${workload#$(TRACES)/}"; \
		$(BIN)/whatif plan --workload "$$workload" -o json > $(BIN)/trace.json 2> $(BIN)/trace.err || [ $$? -eq 2 ] || { cat $(BIN)/trace.err; failed=1; continue; }; \
		python3 '$(TRACES)/../tools/check_plan.py' "$$workload" < $(BIN)/trace.json || failed=1; \
	done; exit $$failed

##@ Run it on a control plane of its own

# Programs of the local control plane, as PLANE_MODULE's go.mod pins them. The
# first build takes about fifteen minutes of one core, a second one nothing.
PLANE        := $(BIN)/plane
PLANE_MODULE := cmd/devcluster/plane/build
PLANE_STAMP  := $(PLANE)/.built-$(shell cat $(PLANE_MODULE)/go.mod $(PLANE_MODULE)/go.sum | cksum | cut -d' ' -f1)
KUBERNETES    = $(shell awk '$$1 == "k8s.io/kubernetes" {print $$2}' $(PLANE_MODULE)/go.mod)

.PHONY: plane
plane: $(PLANE_STAMP) ## Build kube-apiserver, kube-scheduler, kube-controller-manager, etcd, kubectl into bin/plane

# A server asks for its version to know which features it has.
$(PLANE_STAMP):
	@echo "building the control plane $(KUBERNETES) into $(PLANE): about fifteen minutes of one core the first time"
	@mkdir -p $(PLANE) && rm -f $(PLANE)/.built-*
	@set -e; out='$(CURDIR)/$(PLANE)'; version=; \
	for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do \
		version="$$version -X $$package.gitVersion=$(KUBERNETES) -X $$package.gitTreeState=clean"; \
		version="$$version -X $$package.gitMajor=$(word 1,$(subst ., ,$(KUBERNETES:v%=%))) -X $$package.gitMinor=$(word 2,$(subst ., ,$(KUBERNETES)))"; \
	done; \
	build="env CGO_ENABLED=0 nice $(GO) build -C $(PLANE_MODULE) -trimpath"; \
	$$build -ldflags="-s -w" -o "$$out/etcd" go.etcd.io/etcd/server/v3; \
	$$build -ldflags="-s -w $$version" -o "$$out/" $(addprefix k8s.io/kubernetes/cmd/,kube-apiserver kube-scheduler kube-controller-manager kubectl)
	@touch $@

.PHONY: demo-cluster
demo-cluster: plane build ## Start a cluster here, apply the example, watch it buy nodes, take it down
	@$(GO) build -o $(BIN)/ ./cmd/devcluster
	@$(BIN)/devcluster demo --controller $(BIN)/controller --controller-argument=--offerings=offerings/sample.yaml

.PHONY: e2e
e2e: plane ## The example from pending to bound, and a short form of chaos, with the controller's own binary
	VPSIE_E2E=1 VPSIE_PLANE_REQUIRED=1 $(GO) test -p=1 -count=1 -timeout=20m ./cmd/devcluster/e2e ./cmd/devcluster/chaos

# The result is what docs/chaos.md says of it. SEED=… draws another run.
SEED   ?= 1
KILLS  ?= 100
OUTAGE ?= 10m
.PHONY: chaos
chaos: plane ## Kill the controller KILLS times while VPSie fails and machines come and go
	VPSIE_E2E=1 VPSIE_PLANE_REQUIRED=1 $(GO) test ./cmd/devcluster/chaos -count=1 -v -timeout 3h -args -long -seed=$(SEED) -kills=$(KILLS) -machines=200 -outage=$(OUTAGE) \
		-commit=$$(git describe --always --dirty 2>/dev/null) -report='$(CURDIR)/$(BIN)/chaos.json'

##@ Change it

.PHONY: generate
generate: ## Write deepcopy code and CRD manifests anew
	$(GO) generate ./...

.PHONY: readme
readme: ## Write the README's excerpt of the demo anew
	$(GO) test ./bench -run TestReadmeShowsTheDemo -args -update

GENERATED = $(wildcard deploy/crds/*.yaml) $(shell find controllers -name 'zz_generated.*.go')

.PHONY: verify-generated
verify-generated: ## Fail when generated files are stale
	@before="$$(cksum $(GENERATED))"; $(GO) generate ./... || exit 1; \
	after="$$(cksum $$(ls deploy/crds/*.yaml) $$(find controllers -name 'zz_generated.*.go'))"; \
	[ "$$before" = "$$after" ] || { echo "generated files were stale and have been written anew: look at git diff and commit them"; exit 1; }

# Beyond staticcheck's own choice: a comment on every package, receivers of one
# name, and doc comments that begin with what they document.
STATICCHECKS = inherit,ST1000,ST1016,ST1020,ST1021,ST1022

.PHONY: lint
lint: ## gofmt, go vet, staticcheck
	@unformatted="$$(gofmt -l $$($(GO) list -f '{{.Dir}}' ./...))"; [ -z "$$unformatted" ] || { echo "not formatted (gofmt -w): $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck -checks $(STATICCHECKS) ./...

.PHONY: verify-mod
verify-mod: ## Fail when go.mod or go.sum are not tidy
	$(GO) mod tidy -diff

##@ Ship it

VERSION   ?= $(or $(shell git describe --tags --always --dirty 2>/dev/null),devel)
# Static and without the paths of the machine that built it, so that the same
# commit gives the same bytes. `make build` does without: these flags would have
# all dependencies compiled once more than the tests need.
RELEASE   = CGO_ENABLED=0 $(GO) build -buildvcs=true -trimpath -ldflags='-s -w'
PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64

.PHONY: dist
dist: ## Build release archives with checksums for PLATFORMS into bin/dist
	@rm -rf $(BIN)/dist; mkdir -p $(BIN)/dist; \
	for platform in $(PLATFORMS); do \
		os=$${platform%/*}; arch=$${platform#*/}; suffix=; [ $$os = windows ] && suffix=.exe; \
		stage=$(BIN)/dist/stage; mkdir -p $$stage; cp LICENSE $$stage/; \
		GOOS=$$os GOARCH=$$arch $(RELEASE) -o $$stage/whatif$$suffix ./cmd/whatif || exit 1; \
		tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$$(git log -1 --format=%ct)" \
			-C $$stage -cf - . | gzip -n > $(BIN)/dist/whatif_$(VERSION)_$${os}_$$arch.tar.gz || exit 1; \
		rm -rf $$stage; \
	done; cd $(BIN)/dist && sha256sum *.tar.gz > checksums.txt && cat checksums.txt

.PHONY: image
image: ## Build the container image (needs a container engine)
	docker build -t whatif:$(VERSION) .

.PHONY: clean
clean: ## Remove what was built
	rm -rf $(BIN)
