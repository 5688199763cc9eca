# Everything starts here. A bare Python ≥ 3.11, git and make are enough: each target sets up what it needs, once.

PYTHON ?= python3
ENV ?= dev
FUNCTION ?= CompleteFunction
REQUESTS ?= 10000
JS := tests/clients/js
SAM := SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-us-east-1} PATH="$(CURDIR)/.tools/uv/bin:$$PATH" .tools/sam/bin/sam
COMPILE = .tools/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"
# The Lambda runtime brings these itself; the layer is installed with --no-deps.
IN_RUNTIME := boto3 botocore s3transfer urllib3 jmespath python-dateutil six

.PHONY: help run test test-clients test-js test-llama test-ledger test-torture test-equality diff-litellm lint format build invoke deploy mutants-ledger bench lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/.ready .tools/emulator/.ready ## set up and start everything on this machine: the API on :4000, simulated providers on :4010
	@exec .venv/bin/signalbox up

test: .venv/.ready .tools/emulator/.ready .tools/uv/.ready .tools/sam/.ready ## set up and run every test (TESTS=tests/unit narrows it)
	.venv/bin/python -m pytest -n auto --dist loadscope $(TESTS)

test-clients: .venv/.ready .tools/emulator/.ready .tools/clients/.ready ## what other people ask with: openai, anthropic, LangChain, llm, litellm
	.venv/bin/python -m tests.clients.with_stack .tools/clients/bin/python -m pytest -W ignore -p no:cacheprovider --confcutdir tests/clients tests/clients

test-js: .venv/.ready .tools/emulator/.ready $(JS)/node_modules/.ready ## the same for openai and @anthropic-ai/sdk in JavaScript (needs node 20)
	.venv/bin/python -m tests.clients.with_stack npm test --silent --prefix $(JS)

test-llama: .venv/.ready .tools/emulator/.ready .tools/llama/.ready ## a real upstream: llama-cpp-python with a tiny model (needs a C++ compiler, which builds it in five minutes)
	SIGNALBOX_LLAMA=.tools/llama/bin/python .venv/bin/python -m pytest tests/llama

test-ledger: .venv/.ready .tools/dynamodb/.ready ## the ledger on Amazon's own DynamoDB engine, its workers killed at it (needs maven and java 17)
	.venv/bin/python -m tests.torture.with_engine .venv/bin/python -m pytest tests/edge/aws -k ledger
	.venv/bin/python -m tests.torture amazon $(TORTURE)

test-torture: .venv/.ready .tools/emulator/.ready ## the same on the local stack's DynamoDB (TORTURE="--seed=7 --fits=5,50" for one you have seen)
	.venv/bin/python -m tests.torture embedded $(TORTURE)

test-equality: .venv/.ready .tools/emulator/.ready ## 10,000 mixed requests, recorded as the providers billed them (REQUESTS=500 for fewer)
	.venv/bin/python -m tests.torture.equality --requests=$(REQUESTS) $(EQUALITY)

diff-litellm: .venv/.ready .tools/clients/.ready ## hold our translations against litellm's (WRITE=--write brings docs/differences-from-litellm.md up to date)
	.venv/bin/python -m tests.differential $(WRITE)

lint: .venv/.ready .tools/sam/.ready ## style, types, the template, and no package index's address in any tracked file
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy layers/shared/signalbox functions ops bench tests
	$(SAM) validate --lint
	@! git grep -nIE 'py[p]i\.org|python[h]osted\.org|npm[j]s\.org|--(extra-)?index-[u]rl[ =]+http' \
		|| { echo 'lint: the address of a package index stands in a tracked file'; exit 1; }

format: .venv/.ready ## put the code into its one form
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

build: .tools/sam/.ready .tools/uv/.ready ## sam build
	$(SAM) build

invoke: build ## sam local invoke, on Docker: make invoke EVENT=events/x.json [FUNCTION=CompleteFunction]
	@test -n "$(EVENT)" || { echo 'make invoke: say which event: EVENT=events/<name>.json [FUNCTION=…]'; exit 1; }
	$(SAM) local invoke $(FUNCTION) --event $(EVENT)

deploy: .venv/.ready build ## sam deploy to your AWS account (ENV=dev, staging or prod)
	overrides=$$($(PYTHON) ops/release.py $(ENV)) && $(SAM) deploy --config-env $(ENV) --parameter-overrides $$overrides

mutants-ledger: .venv/.ready ## take each condition of the ledger away, and see a check fail for it (LIVES=1000 plays longer; WRITE=--write notes it down)
	.venv/bin/python -m tests.mutants --lives $(or $(LIVES),100) $(WRITE)

bench: .venv/.ready .tools/emulator/.ready ## what a request costs through Signalbox, beside a direct call
	.venv/bin/python -m bench

lock: .tools/uv/.ready ## compile requirements/*.in again, with hashes; the layer gets the versions that the tests run on
	@for name in clients dev emulator llama_build llama sam uv; do $(COMPILE) requirements/$$name.in -o requirements/$$name.txt || exit 1; done
	@$(COMPILE) --constraints requirements/dev.txt $(addprefix --no-emit-package ,$(IN_RUNTIME)) layers/shared/requirements.in -o layers/shared/requirements.txt

clean: ## remove what set-up, builds and runs have made (the local stack's state as well)
	rm -rf .venv .tools $(JS)/node_modules .aws-sam .signalbox .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info

.venv/.ready: requirements/dev.txt pyproject.toml
	@$(call set_up,.venv,dev,--editable)

.tools/%/.ready: requirements/%.txt
	@$(call set_up,.tools/$*,$*)

# Whatever any machine with a compiler can build, and soon: its model has a few hundred kilobytes.
.tools/llama/.ready: export CMAKE_ARGS := -DCMAKE_C_FLAGS_RELEASE=-O1 -DCMAKE_CXX_FLAGS_RELEASE=-O1 -DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DLLAVA_BUILD=OFF
.tools/llama/.ready: export CMAKE_BUILD_PARALLEL_LEVEL := 2
.tools/llama/.ready: requirements/llama_build.txt requirements/llama.txt
	@echo 'llama-cpp-python is built from its source: about five minutes'
	@$(call set_up,.tools/llama,llama_build,requirements/llama.txt)

$(JS)/node_modules/.ready: $(JS)/package.json $(JS)/package-lock.json
	@command -v npm >/dev/null && node -e 'process.exitCode = Number(parseInt(process.versions.node) < 20)' \
		|| { echo 'signalbox set-up: node 20 or newer with npm is not there: install it (the other tests do not need it)'; exit 1; }
	@npm ci --prefix $(JS) --silent || npm ci --prefix $(JS) --silent || { echo 'signalbox set-up: npm could not install $(JS): is its registry reachable?'; exit 1; }
	@touch $@

.tools/dynamodb/.ready: tests/torture/dynamodb/pom.xml
	@command -v mvn >/dev/null && command -v java >/dev/null \
		|| { echo 'signalbox set-up: Maven and Java 17 or newer are not there: install them (the other tests do not need them)'; exit 1; }
	@echo 'Setting up .tools/dynamodb (once, a minute or two) …'
	@rm -rf $(@D)
	@fetch='mvn --quiet --batch-mode --strict-checksums --file $< dependency:copy-dependencies'; \
		$$fetch -DoutputDirectory='$(CURDIR)/$(@D)' || $$fetch -DoutputDirectory='$(CURDIR)/$(@D)' \
		|| { echo 'signalbox set-up: Maven could not fetch DynamoDB Local: is its repository reachable?'; exit 1; }
	@touch $@

define set_up
command -v $(PYTHON) >/dev/null || { echo 'signalbox set-up: $(PYTHON) is not there: install Python 3.11 or newer, or make PYTHON=…'; exit 1; }; \
$(PYTHON) ops/environment.py $(1) requirements/$(2).txt $(3)
endef
