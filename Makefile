# Two commands for people (demo, test), one more for CI (check). Needs Python 3.11 or 3.12 with venv, and make.
PYTHON ?= python3
UV_VERSION := 0.13.9
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --frozen
# The page is built by the machine's Node where that is new enough, else by one from the lock: Vite wants 20.19.
NODE_IS_NEW := $(shell node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b > 18) ? 0 : 1)' 2>/dev/null && echo yes)
SYNC := $(UV) sync --frozen --quiet --python $(PYTHON) $(if $(NODE_IS_NEW),,--group node)
export PATH := $(CURDIR)/.venv/bin:$(PATH)
PAGE := clients/demo_monolith/demo_monolith/page/index.html
# So many processes share the suite, each with its own servers; servers that are given to all can have only one.
WORKERS ?= $(if $(DATABASE_URL)$(REDIS_URL),0,2)

# What `make mutants` changes, and the tests that should notice; a file of the client is named pazpaz_ai_client/...
# What a mutant of the list is: `mutmut show NAME`, in the folder .demo/mutants.
MUTANTS ?= service/security/*.py
MUTANT_TESTS ?= tests/unit/security

.PHONY: demo test compat web image screenshots benches coverage mutants fuzz faults rolling kills load check fix openapi clean

demo: .venv/ready $(PAGE) ## everything on this machine, with a chat page; ARGS=--check asks and compares
	@$(RUN) pazpaz-agent demo $(ARGS)

test: .venv/ready $(PAGE) ## the whole suite, on real Postgres and Redis; WORKERS=0 for one process, as -s and --pdb want it
	@cd clients/web && npm test --silent
	$(RUN) pytest -n $(WORKERS) --dist worksteal $(ARGS)

web: $(PAGE) ## the page of the demo and its components

image: .venv/ready ## the container image, built without Docker by buildah and asked a question; as root; BASE can be given
	$(RUN) pytest -m image tests/image -s $(ARGS)

screenshots: .venv/ready $(PAGE) ## pictures of every state of the page, in the folder SCREENSHOTS
	SCREENSHOTS=$${SCREENSHOTS:-.demo/screenshots} $(RUN) pytest tests/browser/test_screens.py -q $(ARGS)

compat: .venv/ready ## the client's tests on each Python there is, with the oldest and the newest FastAPI and SQLAlchemy
	@$(RUN) python -m tests.compat $(ARGS)

benches: .venv/ready ## the longest benches in small: that they run, and print and keep all they should
	$(RUN) pytest -m bench $(ARGS)

coverage: .venv/ready ## branches of the rooms that must be right, by the tests that run in one process; fails below 95 %
	$(RUN) pytest tests/unit tests/contracts tests/integration -n $(WORKERS) --dist worksteal \
	  --cov --cov-report=term --cov-fail-under=95 $(ARGS)

mutants: .venv/ready ## changes the files MUTANTS one place at a time and lists what no test of MUTANT_TESTS notices
	@$(SYNC) --group mutants && rm -rf .demo/mutants && mkdir -p .demo/mutants
	@git ls-files -co --exclude-standard service migrations clients/contract clients/python tests pyproject.toml | tar -chT - | tar -xC .demo/mutants
	@cd .demo/mutants && mv clients/python/pazpaz_ai_client . && { cat tests/mutants.cfg; printf 'only_mutate=\n'; \
	  printf '    %s\n' $(MUTANTS); printf 'pytest_add_cli_args_test_selection=\n'; printf '    %s\n' $(MUTANT_TESTS); } > setup.cfg
	@cd .demo/mutants && nice mutmut run --max-children $(or $(filter-out 0,$(WORKERS)),1) && mutmut results

fuzz: .venv/ready ## 100,000 operations of many practices on three builds of the service; OPERATIONS and SEED can be set
	OPERATIONS=$${OPERATIONS:-100000} $(RUN) pytest tests/fuzz -s

faults: .venv/ready ## 10,000 changes while every part is killed, frozen, cut off and lied to; the index equals PazPaz afterwards
	EVENTS=$${EVENTS:-10000} $(RUN) pytest tests/faults -s

rolling: .venv/ready ## an update under load from the release before to this code, then ROUNDS more onto itself
	ROUNDS=$${ROUNDS:-3} $(RUN) pytest tests/journeys/test_rolling_update.py -s

kills: .venv/ready ## 1,000 chats while processes are killed at random: one opening and one closing audit row each
	CHATS=$${CHATS:-1000} $(RUN) pytest tests/journeys/test_audit_kills.py -s

load: .venv/ready ## many therapists ask while notes change, and nothing is lost; MINUTES=60 is a soak, LOAD a folder; ARGS, see `bench load --help`
	@mkdir -p $${LOAD:-.demo/load-report}
	@$(RUN) pazpaz-agent bench load --minutes $${MINUTES:-5} --therapists $${THERAPISTS:-48} --practices $${PRACTICES:-12} \
	  --json $${LOAD:-.demo/load-report}/load.json --plot $${LOAD:-.demo/load-report}/load.png $(ARGS)

check: .venv/ready clients/web/node_modules/ready ## what CI checks before the tests
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) lint-imports
	$(RUN) --quiet --group image hadolint Dockerfile
	$(RUN) pazpaz-agent openapi | diff -u clients/openapi.json - || (echo "run: make openapi"; exit 1)
	@cd clients/web && npm run --silent check || (echo "if the API changed, run: make openapi; else: make fix"; exit 1)

fix: .venv/ready clients/web/node_modules/ready ## formats, and mends what ruff and ESLint can mend
	$(RUN) ruff check --fix .
	$(RUN) ruff format .
	cd clients/web && npm run --silent fix

openapi: .venv/ready clients/web/node_modules/ready ## writes the OpenAPI document, and the types made of it
	$(RUN) pazpaz-agent openapi > clients/openapi.json
	cd clients/web && npm run --silent generate

.venv/ready: pyproject.toml uv.lock clients/python/pyproject.toml clients/demo_monolith/pyproject.toml
	@command -v uv >/dev/null 2>&1 || test -x .uv/bin/uv || \
	  ($(PYTHON) -m venv .uv && .uv/bin/pip install --quiet uv==$(UV_VERSION))
	$(SYNC)
	@touch $@

clients/web/node_modules/ready: clients/web/package-lock.json | .venv/ready
	cd clients/web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(PAGE): clients/web/node_modules/ready $(shell find clients/web/src clients/web/demo clients/web/*.ts -type f)
	cd clients/web && npm run --silent build:demo
	@touch $@

clean: ## what was installed and built
	rm -rf .venv .uv .demo .mypy_cache .ruff_cache .pytest_cache clients/web/node_modules clients/web/dist $(dir $(PAGE)) \
	  .hypothesis .import_linter_cache .coverage
