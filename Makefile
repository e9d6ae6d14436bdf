# Short names for what is done often. The work is in scripts/ and in cargo.

.PHONY: help run test page-test lint fmt

help: ## this list
	@sed -nE 's/^([a-z-]+): ## (.*)/  make \1\t\2/p' Makefile | expand -t 20

run: ## the collector with three agents in one process, over examples/targets.csv: http://127.0.0.1:8080
	cargo run --release -p collector -- serve examples/targets.csv --local-agents 3

test: ## every test; says at its end what did not run, and why
	scripts/test

page-test: ## the dashboard's tests alone, in a browser
	scripts/test page

lint: ## rustfmt, clippy, ruff, shellcheck and the dashboard’s types, changing nothing
	scripts/lint

fmt: ## formats the Rust and the Python
	cargo fmt --all
	bash -c 'source scripts/needs.sh && need_python && "$$VENV/bin/ruff" format tests && "$$VENV/bin/ruff" check --fix tests'
