# `make demo` and `make test` set up everything they need in .venv; nothing else has to be done first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# What is imported is compiled then; most of what is installed is not.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt

# silero-vad's weights are used through onnxruntime, so the torch that it declares is not installed.
LIGHT := $(VENV)/.light
# Whisper and the library's own VAD are tested for real. Where a plain torch would bring CUDA, name another build: make test TORCH="..."
TORCH ?= torch
FULL := $(VENV)/.full

# Tests of a file share its fixtures, so one process runs them; the long ones come first.
SIDE_BY_SIDE := -q -n auto --dist loadfile --no-loadscope-reorder

# Tests start hundreds of processes, each of which would compile every module anew where the shell forbids to keep bytecode.
test test-all: export PYTHONDONTWRITEBYTECODE =

.PHONY: demo test test-all lint leaderboard docs site bench mini clean
demo: $(LIGHT)
	$(BIN)/fdbench demo --out build/demo --report build/demo/report
	@echo "fdbench is installed in $(VENV); to use it in this shell: . $(BIN)/activate"

test: $(FULL) lint
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow"

# Before a release: what costs more than a change needs each time, too.
test-all: $(FULL) lint
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

lint: $(FULL)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict fdbench adapters
	$(BIN)/lint-imports
	$(BIN)/fdbench leaderboard --check

# The rows of the trivial agents, measured again, and the page made from them.
leaderboard: $(LIGHT)
	for model in silence always-talking echo vad-endpointer random-backchannel oracle; do \
	  $(BIN)/fdbench run --model $$model --tasks mini --asr faster-whisper:tiny.en || exit; done
	$(BIN)/python tools/pack_rows.py results
	$(BIN)/fdbench leaderboard

# Both into build/site, as they are published.
docs: $(FULL)
	$(BIN)/python -m mkdocs build --quiet

site: $(FULL)
	$(BIN)/fdbench leaderboard --site build/site/leaderboard

bench: $(LIGHT)
	$(BIN)/python benchmarks/speed.py

mini: $(LIGHT)
	$(BIN)/python tools/make_mini.py

$(LIGHT): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[tiny-en,prosody,pictures]' onnxruntime
	$(PIP) --no-deps silero-vad
	touch $@

$(FULL): $(LIGHT)
	$(PIP) -e '.[tiny-en,prosody,webrtc-vad,pictures,docs,completion,opus,rooms,aec,sphinx,suite,judge,realtime,gemini,data,dev]'
	$(PIP) -e '.[ray,slurm,remote]' s3fs 'moto[s3]' flask flask-cors || echo 'no Ray for this Python: its tests are skipped'
	$(PIP) $(TORCH)
	$(PIP) numba tiktoken more-itertools
	$(PIP) --no-deps openai-whisper
	$(PIP) safetensors einops 'sentencepiece<0.3' 'sphn>=0.2,<0.3' 'aiohttp<3.12'
	$(PIP) --no-deps moshi
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
