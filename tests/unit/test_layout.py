"""What the repository holds, and what it must never hold.

Each check returns sentences, so that it can be tried on a bad tree as well as on the real one.
"""

import json
import re
import shutil
import subprocess
import tomllib
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FOLDERS = {"docs", "notebooks", "hfcore", "packages", "data", "tests", "benchmarks", ".ci"}
DOCUMENTS = {"README.md", "METHODS.md", "GLOSSARY.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"}
SETTINGS = {"environment.yml", "pyproject.toml", "requirements.lock", "requirements-dev.lock"}
TOOLS = {"Makefile", "bootstrap.py", ".gitignore", ".gitattributes"}
TOOLS |= {".github", ".pre-commit-config.yaml", "CITATION.cff"}
TOP_LEVEL = FOLDERS | DOCUMENTS | SETTINGS | TOOLS

PUBLISHED = "data/raw/published_figures.csv"

# Numbers that authorities print as examples; no other that passes as real may be in a file.
SPECIMENS = {"1212121212", "8112189876", "8112289874", "6709199530", "7010632391"}

# Split, so that this file does not hold what it looks for.
NEVER = {
    "a path of one machine": r"(?<![\w.])/(?:ro" r"ot|wo" r"rk|t" r"mp|home/[a-z]\w*|Users/\w+)/",
    "a package registry": r"\b(?:py" r"pi|python" r"hosted|ana" r"conda|npm" r"js)\.(?:org|com)\b",
    "work left open": r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX)\b",
}


# Checks


def files_of(root):
    """Return the files under version control, and those that would be with `git add .`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if (root / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True)
        names = listed.stdout.decode("utf-8").split("\0")
    else:
        made = re.compile(r"(^|/)(\.venv|\.git|__pycache__|\.\w+_cache)/|^data/processed/")
        walked = (path.relative_to(root).as_posix() for path in root.rglob("*"))
        names = [name for name in walked if not made.search(name)]
    return sorted(name for name in names if name and (root / name).is_file())


def wrong_top_level(names):
    """Return a sentence for each top-level name that is missing or unknown."""
    found = {name.split("/")[0] for name in names}
    missing = [f"{name} is missing" for name in sorted(TOP_LEVEL - found)]
    return missing + [f"{name} has no place at the top" for name in sorted(found - TOP_LEVEL)]


def wrong_data(root, names):
    """Return a sentence for each file below data/ that is neither simulated nor published."""
    simulated = simulated_studies(root, names)
    return [
        f"{name} is not part of a simulated study"
        for name in names
        if name.startswith("data/") and name != PUBLISHED and study_of(name) not in simulated
    ]


def simulated_studies(root, names):
    """Return the folders below data/raw whose study.toml says that they are simulated."""
    definitions = [name for name in names if re.fullmatch(r"data/raw/[^/]+/study\.toml", name)]
    return {
        study_of(name)
        for name in definitions
        if tomllib.loads((root / name).read_text(encoding="utf-8")).get("is_simulated") is True
    }


def study_of(name):
    """Return the study whose raw folder a file is in, or None.

    >>> study_of("data/raw/hasky/2180/hushall.csv"), study_of("data/raw/hushall.csv")
    ('hasky', None)
    """
    inside = re.match(r"data/raw/([^/]+)/", name)
    return inside[1] if inside else None


def personal_numbers(root, names):
    """Return a sentence for each file that holds, or is named by, a valid personal number."""
    simulated = simulated_studies(root, names)
    return [
        f"{name} holds what passes as a personal number"
        for name in names
        if study_of(name) not in simulated
        and any(map(is_personal, candidates(f"{name}\n{text_of(root / name)}")))
    ]


def candidates(text):
    """Return the runs of digits in a text that have the shape of a personal number."""
    shape = r"(?<![0-9A-Za-z])(?<!\d[.,])(?:1[89]|20)?(\d{6})[-+ ]?(\d{4})(?![0-9A-Za-z])"
    return ["".join(parts) for parts in re.findall(shape, text)]


def is_personal(digits):
    """Return whether ten digits are a date (or coordination number) with a right last digit."""
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(digits)]
    if digits in SPECIMENS or sum(n // 10 + n % 10 for n in doubled) % 10:
        return False
    year, month, day = (int(digits[start : start + 2]) for start in (0, 2, 4))
    try:
        date(2000 + year, month, day - 60 if day > 60 else day)
    except ValueError:
        return False
    return True


def wrong_words(root, names):
    """Return a sentence for each file that holds what no file may hold."""
    return [
        f"{name} holds {what}"
        for name, text in ((name, text_of(root / name)) for name in names)
        for what, pattern in NEVER.items()
        if re.search(pattern, text)
    ]


def text_of(path):
    """Return a file's text; of a notebook without its pictures, of a binary file nothing."""
    content = path.read_bytes()
    if path.suffix == ".ipynb":
        return json.dumps(without_pictures(json.loads(content)), ensure_ascii=False)
    return "" if b"\0" in content else content.decode("utf-8", errors="replace")


def without_pictures(node):
    """Return a notebook's content without the pictures that its outputs hold."""
    if isinstance(node, dict):
        kept = {key: value for key, value in node.items() if not key.startswith("image/")}
        return {key: without_pictures(value) for key, value in kept.items()}
    return [without_pictures(part) for part in node] if isinstance(node, list) else node


# The repository


@pytest.fixture(scope="module")
def names():
    return files_of(ROOT)


def test_the_top_level_is_as_agreed(names):
    assert wrong_top_level(names) == []


def test_data_holds_only_simulated_studies_and_the_published_figures(names):
    assert wrong_data(ROOT, names) == []
    assert PUBLISHED in names
    assert {"hela-familjen", "hasky"} <= simulated_studies(ROOT, names)


def test_what_is_processed_is_ignored_by_git(names):
    assert not [name for name in names if name.startswith("data/processed/")]
    if (ROOT / ".git").exists() and shutil.which("git"):
        path = "data/processed/hela-familjen/tables/households/x.parquet"
        assert subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT).returncode == 0
    else:
        assert "/data/processed/" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()


def test_no_file_holds_a_personal_number(names):
    assert personal_numbers(ROOT, names) == []


def test_no_file_holds_what_belongs_to_a_machine_or_is_left_open(names):
    assert wrong_words(ROOT, names) == []


# The checks themselves, on a bad tree

# A valid number put together here, so that this file does not hold it.
VALID = "850709-" + "98" + "05"


@pytest.fixture
def tree(tmp_path):
    """A small tree with nothing wrong; `plant` adds a file."""
    plant(tmp_path, "data/raw/hasky/study.toml", "is_simulated = true")
    plant(tmp_path, "data/raw/hasky/2180/personer.csv", f"id\n{VALID}\n")
    plant(tmp_path, PUBLISHED, "claim_id\n")
    return tmp_path


def plant(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def test_a_good_tree_passes(tree):
    names = files_of(tree)
    assert len(names) == 3
    assert (
        wrong_data(tree, names) == personal_numbers(tree, names) == wrong_words(tree, names) == []
    )


def test_top_level_by_hand():
    good = [f"{name}/x" if name in FOLDERS else name for name in TOP_LEVEL]
    assert wrong_top_level(good) == []
    assert wrong_top_level([*good, "utils.py"]) == ["utils.py has no place at the top"]
    assert wrong_top_level([name for name in good if name != "LICENSE"]) == ["LICENSE is missing"]


@pytest.mark.parametrize(
    ("definition", "is_wrong"),
    [
        ("is_simulated = true", False),
        ("is_simulated = false", True),
        ("is_simulated = 'true'", True),
        ("name = 'real'", True),
        (None, True),
    ],
)
def test_a_study_that_is_not_marked_as_simulated_is_found(tree, definition, is_wrong):
    if definition is not None:
        plant(tree, "data/raw/real/study.toml", definition)
    plant(tree, "data/raw/real/1290/hushall.csv", "id\n")
    found = "data/raw/real/1290/hushall.csv is not part of a simulated study"
    assert (found in wrong_data(tree, files_of(tree))) is is_wrong


@pytest.mark.parametrize("name", ["data/raw/drop.csv", "data/notes.txt"])
def test_a_loose_file_among_the_data_is_found(tree, name):
    plant(tree, name, "id\n")
    assert wrong_data(tree, files_of(tree)) == [f"{name} is not part of a simulated study"]


@pytest.mark.parametrize(
    "text",
    [
        VALID,
        f"19{VALID}",
        VALID.replace("-", ""),
        VALID.replace("-", "+"),
        f'{{"id": "{VALID}"}}',
        f"a;{VALID};b",
        "8507" + "69" + "-9802",
    ],
)
def test_a_personal_number_is_found(tree, text):
    plant(tree, "tests/a.txt", f"first\n{text}\n")
    found = personal_numbers(tree, files_of(tree))
    assert found == ["tests/a.txt holds what passes as a personal number"]


@pytest.mark.parametrize(
    "text",
    [
        VALID[:-1] + "6",
        VALID.replace("0709", "1309"),
        "0." + VALID.replace("-", ""),
        "1" + VALID.replace("-", ""),
        "ab" + VALID.replace("-", "") + "cd",
        "811218-9876",
    ],
)
def test_what_only_resembles_a_personal_number_is_not(tree, text):
    plant(tree, "tests/a.txt", text)
    assert personal_numbers(tree, files_of(tree)) == []


def test_a_personal_number_in_a_name_or_a_notebook_is_found(tree):
    cell = {"cell_type": "code", "outputs": [{"data": {"text/plain": [VALID]}}]}
    picture = {"cell_type": "code", "outputs": [{"data": {"image/png": f" {VALID} "}}]}
    plant(tree, "notebooks/text.ipynb", json.dumps({"cells": [cell]}))
    plant(tree, "notebooks/picture.ipynb", json.dumps({"cells": [picture]}))
    plant(tree, f"tests/{VALID}.txt", "")
    assert [line.split()[0] for line in personal_numbers(tree, files_of(tree))] == [
        "notebooks/text.ipynb",
        f"tests/{VALID}.txt",
    ]


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a path of one machine", "open('/" + "tmp/x')"),
        ("a path of one machine", "/" + "home/anna/x"),
        ("a package registry", "https://" + "py" + "pi.org/simple"),
        ("work left open", "# TO" + "DO: more"),
    ],
)
def test_a_wrong_word_is_found_in_every_kind_of_file(tree, what, text):
    plant(tree, "hfcore/a.py", text)
    plant(tree, "a.lock", text)
    assert wrong_words(tree, files_of(tree)) == [
        f"a.lock holds {what}",
        f"hfcore/a.py holds {what}",
    ]


def test_files_that_git_ignores_are_not_looked_at(tree):
    subprocess.run(["git", "init", "-q"], cwd=tree, check=True)
    plant(tree, ".gitignore", "/data/processed/\n")
    plant(tree, "data/processed/x.csv", VALID)
    assert "data/processed/x.csv" not in files_of(tree)
    assert PUBLISHED in files_of(tree)


def test_binary_files_are_passed_over(tree):
    plant(tree, "a.bin", b"\0" + VALID.encode())
    assert personal_numbers(tree, files_of(tree)) == []
