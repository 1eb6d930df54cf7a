# make report   set up, run the bundled studies, say which page to open
# make test     every check: style, tests, examples in the code, notebooks
# make quick    the quick unit tests, under a minute
# make types, make docs, make wheel, make lowest   the checks beside make test
# make lab      JupyterLab on the notebooks
# make bench    the benchmarks
# make compare  whether two folders of results are the same
# make notebooks, make lock, make clean: for those who change the project
.POSIX:

PYTHON = python3
PY = .venv/bin/python
HFCORE = .venv/bin/hfcore
STUDIES = hela-familjen hasky orebro-forstudie
# JupyterLab asks nobody outside for news or versions.
LAB_FLAGS = --LabApp.news_url=None \
    --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate
PYTEST_FLAGS = -n 2 --dist loadfile
QUICK = not slow and not browser and not nightly

report: studies
	@echo
	@echo "Open in a browser:"
	@for study in $(STUDIES); do \
	    echo "  data/processed/$$study/site/index.html"; \
	done

test: env-test studies
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m pytest $(PYTEST_FLAGS)

# The unit tests but for those marked slow.
quick: env-test
	$(PY) -m pytest -q $(PYTEST_FLAGS) tests/unit -m "$(QUICK)"

# The wheel alone in a bare environment: imports, command and a run of the demonstration.
wheel: env-test
	$(PY) -m pytest -q tests/packaging -m packaging

# The unit tests with the lowest versions that pyproject.toml allows.
lowest: env-test
	.venv/bin/uv venv -q --clear --python $(PY) .venv/lowest
	.venv/bin/uv pip install -q --python .venv/lowest/bin/python --resolution lowest-direct \
	    --exclude-newer "7 days" -e ".[setup,test,validation]"
	.venv/lowest/bin/python -m pytest -q -n 2 --dist loadfile tests/unit -m "$(QUICK)"

# The site of the documentation, from what is committed; a warning is an error.
docs: env-test
	$(PY) -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# The types of each package; .mypy_cache makes the second time quick.
types: env-test
	$(PY) -m mypy

lab: tables
	$(PY) -m jupyter lab $(LAB_FLAGS) --notebook-dir=notebooks

bench: env
	@for file in benchmarks/bench_*.py benchmarks/simulate_*.py; do \
	    echo "$$file"; $(PY) "$$file" || exit 1; \
	done

# Whether the results of two processed folders are the same: make compare OLD=dir NEW=dir
compare: env
	@$(PY) benchmarks/compare_results.py $(OLD) $(NEW)

# Keeps the version of this machine's Python out of the notebooks, where it would only change.
WITHOUT_MACHINE = --ClearMetadataPreprocessor.enabled=True \
    --ClearMetadataPreprocessor.clear_cell_metadata=False \
    --ClearMetadataPreprocessor.preserve_nb_metadata_mask="{('language_info', 'name'), 'kernelspec', 'needs'}"

# The committed notebooks, executed on the demonstration study.
notebooks: studies
	@for file in notebooks/*.ipynb; do \
	    $(PY) -m jupyter nbconvert --log-level=ERROR --to notebook --execute --inplace \
	        --ExecutePreprocessor.record_timing=False $(WITHOUT_MACHINE) "$$file" || exit 1; \
	done

# Exit code 3 of `ingest` says that rows went to quarantine, as some of the bundled ones must.
tables: env
	@for study in $(STUDIES); do \
	    $(HFCORE) ingest $$study || [ $$? -eq 3 ] || exit 1; \
	done

studies: tables
	@code=0; \
	for study in $(STUDIES); do $(HFCORE) run $$study || code=$$?; done; \
	exit $$code

env: python
	@$(PYTHON) bootstrap.py run

env-test: python
	@$(PYTHON) bootstrap.py test

lock: python
	@$(PYTHON) bootstrap.py lock $(UPGRADE)

python:
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	    echo "Python 3.11 or newer is needed: sudo apt-get install python3 python3-venv," \
	        "or another system's own way (python.org)" >&2; \
	    exit 1; \
	}

clean:
	rm -rf .venv data/processed .pytest_cache .ruff_cache .hypothesis .mypy_cache docs/_build docs/generated dist
	find hfcore packages tests benchmarks notebooks -name __pycache__ -prune -exec rm -rf {} +

.PHONY: report test quick types docs wheel lowest lab bench compare notebooks tables studies env env-test lock python clean
