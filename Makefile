# make run       the fleet in the foreground: nginx on 127.0.0.1:8080, two processes behind it
# make test      every test, or those of TESTS="tests/web -k head"
# make chaos     faults for longer: SCALE=1 some minutes, SCALE=100 hours
# make pictures  what the README and docs/operate.md show of the page: docs/pictures/
# make bench     speed, beside references: a quarter of an hour; writes docs/benchmarks.md
# make check     formatting, lint, types
# make install   what `make run` does before it runs
# make lock      pin the newest versions that setup.py allows
#
# run, test and check set up what is missing: Debian packages, .venv, locked dependencies.

PYTHON ?= python3
BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Debian keeps nginx where only root looks.
export PATH := $(PATH):/usr/sbin

.PHONY: run install test check chaos pictures bench lock
.DELETE_ON_ERROR:

run: install
	@$(BIN)/python deploy/run_fleet.py

install: .venv/run-installed | nginx

test: .venv/test-installed | nginx libfaketime redis-server openssl chromium prometheus systemd
	@$(BIN)/python -m pytest $(TESTS)

# Faults on real processes, simulated histories, planted bugs; SCALE=100 is the long form.
SCALE ?= 1
# A tmpfs for the full disk needs root, of a namespace at least.
AS_ROOT := $(shell [ "$$(id -u)" = 0 ] || echo unshare -rm)
chaos: .venv/test-installed | libfaketime redis-server
	@$(AS_ROOT) $(BIN)/python -m tests.faults.chaos $(SCALE)
	@$(BIN)/python -m tests.faults.redis_chaos $(SCALE)
	@$(BIN)/python -m tests.faults.simulator file 1 $$(( 10000 * $(SCALE) ))
	@$(BIN)/python -m tests.faults.simulator redis 1 $$(( 10000 * $(SCALE) ))
	@$(BIN)/python -m tests.faults.mutants

pictures: .venv/test-installed | nginx libfaketime chromium
	@FLAKE_PICTURES=docs/pictures $(BIN)/python -m pytest tests/browser

bench: .venv/test-installed .venv/bench-installed | nginx libfaketime redis-server wrk
	@$(BIN)/python -m benchmarks

check: .venv/test-installed .venv/bench-installed
	@$(BIN)/ruff format --check --quiet . || { echo "make check: run $(BIN)/ruff format" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary idgen flake.py deploy tests benchmarks

lock: .venv/test-installed
	@$(PIP_INSTALL) uv
	@$(LOCK) $(RUN_EXTRAS) -o requirements/run.lock
	@$(LOCK) $(RUN_EXTRAS) --extra audit --extra test -c requirements/run.lock -o requirements/test.lock
	@$(LOCK) --extra bench -c requirements/test.lock -o requirements/bench.lock

RUN_EXTRAS := --extra fleet --extra redis --extra client --extra async-client
LOCK := UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --upgrade \
	--universal --python-version 3.11 --generate-hashes setup.py

.venv/bin/python: | python3-venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		f"Flake needs Python 3.11 or later; {sys.executable} is " + sys.version.split()[0])'
	@$(PYTHON) -m venv --clear .venv

.venv/run-installed .venv/test-installed .venv/bench-installed: .venv/%-installed: requirements/%.lock | .venv/bin/python
	@echo "installing what $< locks"
	@$(PIP_INSTALL) --require-hashes -r $<
	@touch $@

# Debian packages, each with a command that tells whether it is there.
.PHONY: nginx libfaketime redis-server openssl python3-venv wrk chromium prometheus systemd
nginx:
	@$(call package,nginx,command -v nginx)
libfaketime:
	@$(call package,libfaketime,ls /usr/lib/*/faketime/libfaketime.so.1)
redis-server:
	@$(call package,redis-server,command -v redis-server)
openssl:
	@$(call package,openssl,command -v openssl)
wrk:
	@$(call package,wrk,command -v wrk)
chromium:
	@$(call package,chromium chromium-driver fonts-dejavu-core,command -v chromium && command -v chromedriver)
prometheus:
	@$(call package,prometheus,command -v prometheus && command -v promtool)
systemd:
	@$(call package,systemd,command -v systemd-analyze)
python3-venv:
	@$(call package,python3-venv,$(PYTHON) -c "import ensurepip")

define package
{ $(2); } >/dev/null 2>&1 || { \
	echo "installing Debian's $(1)"; \
	as_root=$$([ "$$(id -u)" = 0 ] || echo "sudo -n"); mkdir -p run; \
	{ $$as_root apt-get update && \
	  $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(1); \
	} >run/apt.log 2>&1 || { \
	echo "$(1) is missing and can't be installed from here (see run/apt.log)." >&2; \
	echo "As root: apt-get install $(1)" >&2; exit 1; }; }
endef
