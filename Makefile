# `make run` and `make test` are all a user needs; the rest are their parts.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
TRANSFORMS := decorate utilization emf
# Built with the rest, but not part of the manifests: who uses one adds it. `script` is embedded all the same, packed.
EXAMPLES := script topk cost-labels moving-average
COMPONENTS := $(TRANSFORMS:%=target/transforms/%.wasm)
EXAMPLE_COMPONENTS := $(EXAMPLES:%=target/transforms/%.wasm)
NATIVE := $(TRANSFORMS:%=target/transforms/%.cwasm) target/transforms/script.cwasm
# How programs are built: `quick` (no link-time optimisation; what runs and tests start with) or `release` (what `make build` and the image are).
PROFILE ?= quick
PROGRAMS := target/$(PROFILE)
COMPILER := $(PROGRAMS)/insightd-compile
# STATIC=amd64 (or arm64): all programs and tests are linked statically, as in the image, so that nothing is built twice where an image
# is wanted as well: `make test` then leaves the one that the tests on nodes run.
STATIC ?=
ifneq ($(STATIC),)
STATICALLY := deploy/image/for $(STATIC)
BUILT := $(if $(filter arm64,$(STATIC)),aarch64,x86_64)-unknown-linux-musl/
endif
STRIP := target/guest/strip
AGENT := $(PROGRAMS)/insightd
# Arguments of `make run`.
RUN ?= run --interval 5s

.PHONY: help build programs tests run test transforms recipes compiler builtins agent cli deploy-transforms image image-arm64 images test-arm64 fmt lint doc deny unit test-node test-aws node-suite resident footprint footprint-hour footprint-cluster bench fuzz FORCE

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## What is installed, optimised: target/release/insightd, insightd-compile, insightctl, target/transforms/*.wasm
	@$(MAKE) --no-print-directory PROFILE=release programs

programs: agent cli deploy-transforms $(EXAMPLE_COMPONENTS)

run: agent deploy-transforms ## Run the agent on this machine: one JSON event a line (RUN="run --once" for one tick)
	@$(AGENT) $(RUN)

test: lint unit ## Everything that is checked: format, lints, docs, licences, all tests

transforms: $(COMPONENTS) $(EXAMPLE_COMPONENTS) ## Every component of transforms/: target/transforms/*.wasm
compiler: $(COMPILER)
builtins: $(NATIVE) ## The shipped components, as wasm and as native code for the agent to embed

# The hash tables of `script` take their seeds from here instead of chance: the same source gives the same bytes.
target/transforms/script.wasm: export CONST_RANDOM_SEED := insightd
target/transforms/script.wasm: export RHAI_HASHING_SEED := [1,2,3,4]
# An interpreter is large: a tenth smaller than with "s".
target/transforms/script.wasm: export CARGO_PROFILE_GUEST_OPT_LEVEL := z
# Likewise, and a batch takes as long: the components of the default chain have to stay below 300 KiB together.
target/transforms/emf.wasm: export CARGO_PROFILE_GUEST_OPT_LEVEL := z

# As a cdylib alone: Cargo leaves link-time optimisation out where the same build also makes an rlib.
# Cargo knows what is out of date; files are replaced only when they changed, so that nothing is rebuilt for nothing.
target/transforms/%.wasm: FORCE $(STRIP)
	@$(CARGO) rustc --quiet --profile guest --target wasm32-wasip2 -p insightd-$* --crate-type cdylib --target-dir target/guest
	@mkdir -p target/transforms
	@$(STRIP) target/guest/wasm32-wasip2/guest/insightd_$(subst -,_,$*).wasm $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(STRIP): transforms/strip.rs host/cli/src/transform/strip.rs
	@mkdir -p $(@D)
	@rustc --edition 2024 -O -D warnings -o $@ $<

$(COMPILER): FORCE
	@$(STATICALLY) $(CARGO) build --quiet --profile $(PROFILE) --manifest-path host/compile/Cargo.toml --target-dir target/compile
	@mkdir -p $(@D)
	@cmp -s target/compile/$(BUILT)$(PROFILE)/$(@F) $@ || install target/compile/$(BUILT)$(PROFILE)/$(@F) $@

target/transforms/%.cwasm: target/transforms/%.wasm $(COMPILER)
	@$(COMPILER) --out $@.new $<
	@if cmp -s $@.new $@; then rm $@.new; touch $@; else mv $@.new $@; fi

agent: $(NATIVE)
	@$(STATICALLY) $(CARGO) build --profile $(PROFILE) -p insightd --target-dir target
	@$(call installed,insightd)

# Only insightd runs on nodes; insightctl is for the machines of authors and operators.
cli: $(NATIVE)
	@$(STATICALLY) $(CARGO) build --profile $(PROFILE) -p insightctl --target-dir target
	@$(call installed,insightctl)

# Programs and tests of the whole workspace in one build: built one by one, each would want its dependencies with other features.
tests: $(NATIVE)
	@$(STATICALLY) $(CARGO) build --profile $(PROFILE) --workspace --bins --tests --target-dir target
	@$(call installed,insightd)
	@$(call installed,insightctl)

# Copies a static program to the place of a dynamic one, where tests and users look for it; nothing to do without STATIC.
installed = [ -z "$(STATIC)" ] || cmp -s target/$(BUILT)$(PROFILE)/$(1) $(PROGRAMS)/$(1) || install target/$(BUILT)$(PROFILE)/$(1) $(PROGRAMS)/$(1)

deploy-transforms: $(COMPONENTS) ## The shipped components to where the manifests take them from: deploy/base/transforms
	@mkdir -p deploy/base/transforms
	@for wasm in $(COMPONENTS); do cmp -s $$wasm deploy/base/transforms/$${wasm##*/} || cp $$wasm deploy/base/transforms/; done

image: $(NATIVE) deploy-transforms ## Container image of amd64, no Docker needed: target/image/insightd-amd64.tar (deploy/README.md)
	@deploy/image/build amd64

image-arm64: $(NATIVE) ## Likewise for arm64, cross-built: target/image/insightd-arm64.tar
	@deploy/image/build arm64

images: $(NATIVE) deploy-transforms ## Both, and one image for both: target/image/insightd.tar
	@deploy/image/build amd64 arm64

test-arm64: build ## Tests and a whole tick as arm64 programs under qemu's user emulation (needs qemu-user, gcc-aarch64-linux-gnu)
	@tests/arm64

fmt: ## Format all Rust code
	$(CARGO) fmt --all
	rustfmt --edition 2024 transforms/strip.rs
	$(CARGO) fmt --all --manifest-path host/compile/Cargo.toml
	$(CARGO) fmt --all --manifest-path fuzz/Cargo.toml
	$(CARGO) fmt --all --manifest-path tests/guests/Cargo.toml

lint: builtins deny
	$(CARGO) fmt --all --check
	rustfmt --edition 2024 --check transforms/strip.rs
	$(CARGO) fmt --all --check --manifest-path host/compile/Cargo.toml
	$(CARGO) fmt --all --check --manifest-path fuzz/Cargo.toml
	$(CARGO) fmt --all --check --manifest-path tests/guests/Cargo.toml
	$(STATICALLY) $(CARGO) clippy --profile $(PROFILE) --workspace --all-targets --target-dir target -- -D warnings
	$(STATICALLY) $(CARGO) clippy --profile $(PROFILE) --manifest-path host/compile/Cargo.toml --target-dir target/compile -- -D warnings
	for t in $(TRANSFORMS) $(EXAMPLES); do $(CARGO) clippy --quiet --profile guest --target wasm32-wasip2 -p insightd-$$t --target-dir target/guest -- -D warnings; done
	RUSTDOCFLAGS="-D warnings" $(STATICALLY) $(CARGO) doc --profile $(PROFILE) --workspace --no-deps --quiet --target-dir target

deny: ## Licences, duplicate and banned crates, sources, advisories
	@tests/deny

test-node: ## The agent on two real Kubernetes nodes, as root (tests/node/README.md; ONLY="figures" for tests of that name)
	@tests/node/run $(ONLY)

test-aws: ## The agent's AWS clients against an emulator of the service, and through a proxy that breaks things (tests/aws)
	@tests/aws/run

node-suite: tests ## What test-node runs on the nodes, and the components that go with it
	@$(CARGO) rustc --quiet --profile guest --target wasm32-wasip2 -p insightd-node-figures --crate-type cdylib --target-dir target/guest
	@$(CARGO) build --quiet --release --target wasm32-wasip2 --manifest-path tests/guests/Cargo.toml --target-dir target/guests

resident: build ## Resident memory of the agent on this machine over 5 minutes at a 2 s interval
	tests/footprint/resident 300 2s

footprint: image ## Cost on a node with 105 pods against its bounds, as root: memory, CPU, kubelet, 1,000 ticks (half an hour)
	tests/footprint/node

footprint-hour: image ## An hour with 105 pods in which servers are restarted and pods come and go, as root: no tick is left out, memory stays flat
	tests/footprint/hour

footprint-cluster: build ## Cost of the cluster role with 5,000 nodes and 150,000 pods, 100 changing a second (20 minutes, 12 GB)
	tests/footprint/cluster

recipes: target/transforms/recipes.wasm
bench: build transforms recipes ## Ratios against bare work, of the readers, the three stages, scripts and the whole tick (docs/performance.md)
	$(CARGO) bench --quiet -p insightd-collect
	$(CARGO) bench --quiet -p insightd-sandbox --bench stages
	$(CARGO) bench --quiet -p insightd-sandbox --bench script
	$(CARGO) bench --quiet -p insightd --bench tick

# The compiler's own tests run with the dependencies that it was built with.
unit: tests transforms deploy-transforms ## All tests of the workspace
	INSIGHTD_COMPILE=$(CURDIR)/$(COMPILER) $(STATICALLY) $(CARGO) test --profile $(PROFILE) --workspace --target-dir target
	$(STATICALLY) $(CARGO) test --quiet --profile $(PROFILE) --manifest-path host/compile/Cargo.toml --target-dir target/compile
