# Thin on purpose: each target is a script in scripts/, which runs without make as well.
.DEFAULT_GOAL := help
.PHONY: help demo test check bench fmt lock clean

help:
	@echo 'Run'
	@echo '  make demo             the demo company at http://127.0.0.1:8080 (RALLYPOINT_PORT), ready in a moment'
	@echo '  make demo A=--json    the same, telling its addresses and keys in one line'
	@echo
	@echo 'Check'
	@echo '  make test             all tests; make test T="tests/unit -k rank" for some'
	@echo '  make check            lint, layout, types, imports, tests: what a change must pass'
	@echo '  make bench            speed, in a table; A=... for options'
	@echo
	@echo 'Develop'
	@echo '  make fmt              lay out the code'
	@echo '  make lock             lock the requirements anew; A=--upgrade takes newer versions'
	@echo '  make clean            remove .venv and caches; data in .rallypoint stays'

demo:
	@scripts/demo $(A)

test:
	@scripts/test $(T)

check:
	@scripts/check

bench:
	@scripts/bench $(A)

fmt:
	@scripts/fmt

lock:
	@scripts/lock $(A)

clean:
	@rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist
	@find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
