# `make run` and `make test` are all a user needs; the rest are their parts.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
TARGET ?= $(or $(CARGO_TARGET_DIR),target)
TRANSFORMS := decorate utilization emf
# Built with the rest, but not part of the manifests: who uses one adds it. `script` is embedded all the same, packed.
EXAMPLES := script topk cost-labels moving-average
COMPONENTS := $(TRANSFORMS:%=target/transforms/%.wasm)
EXAMPLE_COMPONENTS := $(EXAMPLES:%=target/transforms/%.wasm)
NATIVE := $(TRANSFORMS:%=target/transforms/%.cwasm) target/transforms/script.cwasm
COMPILER := target/release/insightd-compile
# STATIC=amd64 (or arm64): agent and compiler child are those of the image, linked statically, so that nothing is built twice where the
# image is wanted as well. The tests then run what the image holds.
STATIC ?=
ifneq ($(STATIC),)
STATICALLY := deploy/image/for $(STATIC)
BUILT := $(if $(filter arm64,$(STATIC)),aarch64,x86_64)-unknown-linux-musl/
endif
STRIP := target/guest/strip
AGENT := target/release/insightd
# Arguments of `make run`.
RUN ?= run --interval 5s

.PHONY: help build run test transforms recipes compiler builtins agent deploy-transforms image image-arm64 images test-arm64 fmt lint doc deny unit test-node test-aws node-suite resident footprint footprint-cluster bench fuzz FORCE

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: agent deploy-transforms $(EXAMPLE_COMPONENTS) ## Agent, compiler child and components: target/release/insightd, insightd-compile, target/transforms/*.wasm

run: build ## Run the agent on this machine: one JSON event a line (RUN="run --once" for one tick)
	@$(AGENT) $(RUN)

test: build lint unit ## Everything that is checked: format, lints, docs, licences, all tests

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

$(STRIP): transforms/strip.rs host/agent/src/transform/strip.rs
	@mkdir -p $(@D)
	@rustc --edition 2024 -O -D warnings -o $@ $<

$(COMPILER): FORCE
	@$(STATICALLY) $(CARGO) build --quiet --release --manifest-path host/compile/Cargo.toml --target-dir target/compile
	@mkdir -p target/release
	@cmp -s target/compile/$(BUILT)release/insightd-compile $@ || install target/compile/$(BUILT)release/insightd-compile $@

target/transforms/%.cwasm: target/transforms/%.wasm $(COMPILER)
	@$(COMPILER) --out $@.new $<
	@if cmp -s $@.new $@; then rm $@.new; touch $@; else mv $@.new $@; fi

agent: $(NATIVE)
	@$(STATICALLY) $(CARGO) build --release -p insightd --target-dir target
	@[ -z "$(STATIC)" ] || cmp -s target/$(BUILT)release/insightd $(AGENT) || install target/$(BUILT)release/insightd $(AGENT)

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
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy --manifest-path host/compile/Cargo.toml --target-dir target/compile -- -D warnings
	for t in $(TRANSFORMS) $(EXAMPLES); do $(CARGO) clippy --quiet --profile guest --target wasm32-wasip2 -p insightd-$$t --target-dir target/guest -- -D warnings; done
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet

deny: ## Licences, duplicate and banned crates, sources, advisories
	@tests/deny

test-node: ## The agent on two real Kubernetes nodes, as root (tests/node/README.md; ONLY="figures" for tests of that name)
	@tests/node/run $(ONLY)

test-aws: ## The agent's AWS clients against an emulator of the service, and through a proxy that breaks things (tests/aws)
	@tests/aws/run

node-suite: ## What test-node runs on the nodes, and the components that go with it
	@$(CARGO) build --quiet --profile quick --target x86_64-unknown-linux-musl -p insightd-node-suite --target-dir target
	@$(CARGO) rustc --quiet --profile guest --target wasm32-wasip2 -p insightd-node-figures --crate-type cdylib --target-dir target/guest
	@$(CARGO) build --quiet --release --target wasm32-wasip2 --manifest-path tests/guests/Cargo.toml --target-dir target/guests

resident: build ## Resident memory of the agent on this machine over 5 minutes at a 2 s interval
	tests/footprint/resident 300 2s

footprint: image ## Cost on a node with 105 pods against its bounds, as root: memory, CPU, kubelet, 1,000 ticks (half an hour)
	tests/footprint/node

footprint-cluster: build ## Cost of the cluster role with 5,000 nodes and 150,000 pods, 100 changing a second (20 minutes, 12 GB)
	tests/footprint/cluster

recipes: target/transforms/recipes.wasm
bench: build transforms recipes ## Ratios against bare work, of the readers, the three stages, scripts and the whole tick (docs/performance.md)
	$(CARGO) bench --quiet --profile quick -p insightd-collect
	$(CARGO) bench --quiet --profile quick -p insightd-sandbox --bench stages
	$(CARGO) bench --quiet --profile quick -p insightd-sandbox --bench script
	$(CARGO) bench --quiet --profile quick -p insightd --bench tick

# The compiler's own tests run with the dependencies that it was built with.
unit: build transforms ## All tests of the workspace
	$(CARGO) test --workspace
	$(STATICALLY) $(CARGO) test --quiet --release --manifest-path host/compile/Cargo.toml --target-dir target/compile
