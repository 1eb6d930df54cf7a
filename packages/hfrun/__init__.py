"""Many municipalities: batch of notebooks, kernels, national files, journal, the command line."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("hfcore", "hfdemo", "hfclaims", "hfpublish", "hfrun")


def package_folders() -> list[Path]:
    """The folder of each package of the project."""
    specs = [find_spec(name) for name in PACKAGES]
    return [Path(spec.origin).parent for spec in specs if spec and spec.origin]
