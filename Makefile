# `make run` and `make test` are the main targets; the others are their parts.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
TRANSFORMS := decorate utilization emf
# Built with the rest, but not part of the manifests: users add them. `script` is nevertheless embedded in the agent.
EXAMPLES := script topk cost-labels filter signals moving-average prometheus otlp remote-write
COMPONENTS := $(TRANSFORMS:%=target/transforms/%.wasm)
EXAMPLE_COMPONENTS := $(EXAMPLES:%=target/transforms/%.wasm)
NATIVE := $(TRANSFORMS:%=target/transforms/%.cwasm) target/transforms/script.cwasm
# Cargo profile of programs: `quick` (no link-time optimisation; for `make run` and tests) or `release` (for `make build` and the image).
PROFILE ?= quick
PROGRAMS := target/$(PROFILE)
COMPILER := $(PROGRAMS)/insightd-compile
# STATIC=amd64 (or arm64): links all programs and tests statically, as in the image, so that nothing is built twice if an image is
# needed too: `make test` then builds the programs of the image for the tests on nodes.
STATIC ?=
ifneq ($(STATIC),)
STATICALLY := deploy/image/for $(STATIC)
BUILT := $(if $(filter arm64,$(STATIC)),aarch64,x86_64)-unknown-linux-musl/
endif
# FIRST=yes: the build of `make run` and `make demo`, ready in minutes: hardly optimised, and without the AWS clients and `builtin:script`, which a first
# look does not need.
ifeq ($(FIRST),yes)
NATIVE := $(TRANSFORMS:%=target/transforms/%.cwasm)
SLIM := --no-default-features
# The level of a package comes before that of the profile. The first paragraph of the list is that of the agent's crates; the compiler shares
# some, and would take minutes without any optimisation. Without unwinding, there is a tenth less code.
OPTIMISED := $(shell sed -n '/^\[profile.quick.package\]/,/^$$/ s/\.opt-level.*//p' Cargo.toml)
FASTER := --config profile.quick.opt-level=0 --config 'profile.quick.panic="abort"'
UNOPTIMISED := $(FASTER) $(OPTIMISED:%=--config profile.quick.package.%.opt-level=0)
UNOPTIMISED_COMPILER := $(FASTER) $(patsubst %,--config profile.quick.package.%.opt-level=0,$(filter-out hashbrown,$(OPTIMISED)) cranelift-codegen)
endif
# All crates but the compiler: cargo unifies features over the packages of one build, and the agent must not contain a compiler.
ALL := --workspace --exclude insightd-compile
STRIP := target/guest/strip
AGENT := $(PROGRAMS)/insightd
# Arguments of `make run`.
RUN ?= run --interval 5s

.PHONY: help bindings build programs tests run demo toolchain test transforms recipes compiler builtins ahead agent cli deploy-transforms image image-arm64 images test-arm64 fmt lint doc deny unit test-all test-node test-aws test-receivers test-browser node-suite resident footprint footprint-hour footprint-cluster footprint-fargate footprint-sidecar footprint-scale bench docs release FORCE

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Optimised programs and components: target/release/insightd, insightd-compile, insightctl, target/transforms/*.wasm
	@$(MAKE) --no-print-directory PROFILE=release programs

programs: agent cli deploy-transforms $(EXAMPLE_COMPONENTS)

run: ## Run the agent on this machine: one JSON event per line (RUN="run --once" for one tick)
	@$(MAKE) --no-print-directory FIRST=yes agent
	@$(AGENT) $(RUN)

demo: ## Show what insightd makes of a recorded Kubernetes node: pods, events, metrics (DEMO=--json for the events)
	@$(MAKE) --no-print-directory FIRST=yes cli
	@$(PROGRAMS)/insightctl demo $(DEMO)

test: lint unit ## Check format, lints, docs and licences, and run all tests of the workspace

transforms: $(COMPONENTS) $(EXAMPLE_COMPONENTS) ## All components of transforms/: target/transforms/*.wasm
compiler: $(COMPILER)
# Components and their compiler are built side by side; the first time also what is wanted next ($(AHEAD)), as far as it needs neither: much of the
# compiler's build keeps one processor busy. Each cargo has its own jobs: MAKEFLAGS would offer it those of make, which only recipes with `+` can use.
builtins: ## The shipped components, as wasm and as native code for the agent to embed
	@$(MAKE) --no-print-directory --jobs=3 AHEAD="$(AHEAD)" $(NATIVE) $(if $(AHEAD),ahead)

ahead: | toolchain
	@[ -e $(lastword $(NATIVE)) ] || MAKEFLAGS= $(STATICALLY) $(CARGO) build --profile $(PROFILE) $(UNOPTIMISED) $(AHEAD) --keep-going --target-dir target >/dev/null 2>&1 || true

toolchain:
	@MAKEFLAGS= transforms/toolchain

# Fixed instead of random seeds for the hash tables of `script`: the same source gives the same bytes.
target/transforms/script.wasm: export CONST_RANDOM_SEED := insightd
target/transforms/script.wasm: export RHAI_HASHING_SEED := [1,2,3,4]
# The interpreter is large: "z" makes it a tenth smaller than "s".
target/transforms/script.wasm: export CARGO_PROFILE_GUEST_OPT_LEVEL := z
# Also smaller: the components of the default chain must stay below 300 KiB together.
target/transforms/decorate.wasm target/transforms/emf.wasm: export CARGO_PROFILE_GUEST_OPT_LEVEL := z

# As a cdylib only: Cargo skips link-time optimisation if the same build also makes an rlib.
# Cargo decides what is out of date; files are replaced only if they changed, to avoid needless rebuilds.
target/transforms/%.wasm: FORCE $(STRIP) | toolchain
	@MAKEFLAGS= $(CARGO) rustc --quiet --profile guest --target wasm32-wasip2 -p insightd-$* --crate-type cdylib --target-dir target/guest
	@mkdir -p target/transforms
	@$(STRIP) target/guest/wasm32-wasip2/guest/insightd_$(subst -,_,$*).wasm $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(STRIP): transforms/strip.rs host/cli/src/transform/strip.rs | toolchain
	@mkdir -p $(@D)
	@MAKEFLAGS= rustc --edition 2024 -O -D warnings -o $@ $<

$(COMPILER): FORCE | toolchain
	@MAKEFLAGS= $(STATICALLY) $(CARGO) build --quiet --profile $(PROFILE) $(UNOPTIMISED_COMPILER) -p insightd-compile --target-dir target/compile
	@mkdir -p $(@D)
	@cmp -s target/compile/$(BUILT)$(PROFILE)/$(@F) $@ || install target/compile/$(BUILT)$(PROFILE)/$(@F) $@

target/transforms/%.cwasm: target/transforms/%.wasm $(COMPILER)
	@$(COMPILER) --out $@.new $<
	@if cmp -s $@.new $@; then rm $@.new; touch $@; else mv $@.new $@; fi

agent: AHEAD := -p insightd $(SLIM)
agent: builtins
	@$(STATICALLY) $(CARGO) build --profile $(PROFILE) $(UNOPTIMISED) $(AHEAD) --target-dir target
	@$(call installed,insightd)

# Only insightd runs on nodes; insightctl is for machines of authors and operators.
cli: AHEAD := -p insightctl $(SLIM)
cli: builtins
	@$(STATICALLY) $(CARGO) build --profile $(PROFILE) $(UNOPTIMISED) $(AHEAD) --target-dir target
	@$(call installed,insightctl)

# Programs and tests of the whole workspace, without the compiler, in one build: built separately, each would need its dependencies with other features.
tests: AHEAD := $(ALL) --bins --tests
tests: builtins
	@$(STATICALLY) $(CARGO) build --profile $(PROFILE) $(AHEAD) --target-dir target
	@$(call installed,insightd)
	@$(call installed,insightctl)

# Copies a static program to the path of the dynamic one, where tests and users expect it; does nothing without STATIC.
installed = [ -z "$(STATIC)" ] || cmp -s target/$(BUILT)$(PROFILE)/$(1) $(PROGRAMS)/$(1) || install target/$(BUILT)$(PROFILE)/$(1) $(PROGRAMS)/$(1)

deploy-transforms: $(COMPONENTS) ## Copy the shipped components into the manifests and the chart: deploy/transforms
	@for directory in deploy/transforms deploy/helm/insightd/transforms; do mkdir -p $$directory; \
		for wasm in $(COMPONENTS); do cmp -s $$wasm $$directory/$${wasm##*/} || cp $$wasm $$directory/; done; done

image: builtins deploy-transforms ## Container image for amd64, no Docker needed: target/image/insightd-amd64.tar (deploy/README.md)
	@deploy/image/build amd64

image-arm64: builtins ## Container image for arm64, cross-built: target/image/insightd-arm64.tar
	@deploy/image/build arm64

images: builtins deploy-transforms ## Both images, and one image for both architectures: target/image/insightd.tar
	@deploy/image/build amd64 arm64

test-arm64: build ## Run tests and a whole tick as arm64 programs under qemu's user emulation (needs qemu-user, gcc-aarch64-linux-gnu)
	@tests/arm64

bindings: ## Generate the SDK's bindings from the contract in wit/ (after a change of it, or of the generator)
	BLESS=1 $(CARGO) test --quiet --manifest-path tests/bindings/Cargo.toml --target-dir target/bindings

fmt: ## Format all Rust code
	$(CARGO) fmt --all
	rustfmt --edition 2024 transforms/strip.rs
	$(CARGO) fmt --all --manifest-path fuzz/Cargo.toml
	$(CARGO) fmt --all --manifest-path tests/guests/Cargo.toml
	$(CARGO) fmt --all --manifest-path tests/bindings/Cargo.toml

lint: builtins deny
	@transforms/toolchain fmt clippy
	$(CARGO) fmt --all --check
	rustfmt --edition 2024 --check transforms/strip.rs
	$(CARGO) fmt --all --check --manifest-path fuzz/Cargo.toml
	$(CARGO) fmt --all --check --manifest-path tests/guests/Cargo.toml
	$(CARGO) fmt --all --check --manifest-path tests/bindings/Cargo.toml
	$(STATICALLY) $(CARGO) clippy --profile $(PROFILE) $(ALL) --all-targets --target-dir target -- -D warnings
	$(STATICALLY) $(CARGO) clippy --profile $(PROFILE) -p insightd -p insightctl --no-default-features --target-dir target -- -D warnings
	$(STATICALLY) $(CARGO) clippy --profile $(PROFILE) -p insightd-compile --all-targets --target-dir target/compile -- -D warnings
	$(STATICALLY) $(CARGO) clippy --profile $(PROFILE) --manifest-path fuzz/Cargo.toml --no-default-features --target-dir target -- -D warnings
	for t in $(TRANSFORMS) $(EXAMPLES); do $(CARGO) clippy --quiet --profile guest --target wasm32-wasip2 -p insightd-$$t --target-dir target/guest -- -D warnings; done
	RUSTDOCFLAGS="-D warnings" $(STATICALLY) $(CARGO) doc --profile $(PROFILE) $(ALL) --no-deps --quiet --target-dir target

deny: ## Check licences, duplicate and banned crates, sources, advisories
	@tests/deny

test-node: ## Test the agent on two real Kubernetes nodes, as root (tests/node/README.md; ONLY="figures" for tests of that name)
	@tests/node/run $(ONLY)

test-all: ## All tests, also those that the gate runs only if their subject has changed: an hour or two
	tests/helm/build
	$(MAKE) test
	tests/node/changed --record helm chart
	$(MAKE) test-aws test-receivers test-browser test-node

test-aws: ## Test the agent's AWS clients against an emulator of the service, and through a proxy that injects faults (tests/aws)
	@tests/aws/run

test-receivers: ## Test the delivery of OTLP and remote write to a real OpenTelemetry collector and a real Prometheus server (tests/receivers)
	@tests/receivers/run

test-browser: ## Test the page of `insightctl ui` in headless Chromium (tests/browser)
	@tests/browser/run

node-suite: tests target/transforms/prometheus.wasm ## Build the program that test-node runs on the nodes, and its components
	@$(CARGO) rustc --quiet --profile guest --target wasm32-wasip2 -p insightd-node-figures --crate-type cdylib --target-dir target/guest
	@$(CARGO) build --quiet --release --target wasm32-wasip2 --manifest-path tests/guests/Cargo.toml --target-dir target/guests

resident: build ## Measure the agent's resident memory on this machine over 5 minutes at a 2 s interval
	tests/footprint/resident 300 2s

footprint-sidecar: build ## Measure the memory of the sidecar of a task with ten containers, delivering over HTTP and over TLS (5 minutes)
	tests/footprint/sidecar

footprint: image ## Measure the cost on a node with 105 pods against its bounds, as root: memory, CPU, kubelet, 1,000 ticks (half an hour)
	tests/footprint/node

footprint-hour: image ## Run an hour with 105 pods, restarts of servers and replaced pods, as root: no tick is skipped, memory stays flat
	tests/footprint/hour

footprint-cluster: build ## Measure the cost of the cluster role with 5,000 nodes and 150,000 pods, 100 changes per second (20 minutes, 12 GB)
	tests/footprint/cluster

footprint-fargate: build ## Measure role fargate with 200 nodes and 1,000 pods, and check that 2, 5 and 3 replicas share the nodes, as root (15 minutes)
	tests/footprint/fargate

footprint-scale: build ## Measure memory and CPU with 105, 250, 500 and 1,000 pods of real cgroups on this machine, as root (half an hour)
	tests/footprint/scale

recipes: target/transforms/recipes.wasm
bench: build transforms recipes ## Benchmark readers, the three stages, scripts and the whole tick, relative to plain code for the same work (docs/performance.md)
	$(CARGO) bench --quiet -p insightd-collect
	$(CARGO) bench --quiet -p insightd-sandbox --bench stages
	$(CARGO) bench --quiet -p insightd-sandbox --bench script
	$(CARGO) bench --quiet -p insightd --bench tick

docs: ## The documentation as a book: target/book/index.html (needs mdbook)
	@docs/build

release: ## Build the files of a release from the current commit: target/release-VERSION/ (docs/releasing.md; an hour)
	@deploy/release

# The compiler's own tests use the dependencies that it was built with.
unit: tests transforms deploy-transforms ## Run all tests of the workspace
	INSIGHTD_COMPILE=$(CURDIR)/$(COMPILER) $(STATICALLY) $(CARGO) test --profile $(PROFILE) $(ALL) --target-dir target
	$(STATICALLY) $(CARGO) test --quiet --profile $(PROFILE) -p insightd-compile --target-dir target/compile
