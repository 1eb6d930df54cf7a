"""Personal numbers and case numbers → keyed pseudonyms, and the key that makes them.

A plain hash is no pseudonym: all possible personal numbers can be hashed within a minute. Here
BLAKE2b is keyed with 32 secret random bytes and the study's name, one sub-key a purpose, so that
one study's pseudonyms say nothing about another's.

``python -m hfcore.identity FILE`` makes a key file.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from hfcore.errors import HfcoreError, KeyMissingError, UsageError
from hfcore.identifiers import distinct_texts
from hfcore.study import Study

KEY_BYTES = 32
KEY_VARIABLE = "HFCORE_KEY"
PURPOSES = ("household", "person", "worker", "record")
HOW_TO_MAKE = (
    "Make one with `python -m hfcore.identity FILE`, outside the repository, and give it with "
    f"--key-file FILE or as hexadecimal digits in the environment variable {KEY_VARIABLE}."
)


@dataclass(frozen=True)
class Key:
    """The secret of one study. ``fingerprint`` tells keys apart without telling them."""

    secret: bytes = field(repr=False)
    fingerprint: str
    is_simulated: bool = False


def read_key(study: Study, key_file: Path | None = None) -> Key:
    """The key of a study: from a file, the environment, or, where it is simulated, its name.

    The environment variable is removed once read, so that no kernel started later has it.

    Raises KeyMissingError where there is none, or where the file is open to others, lies inside
    a repository or does not hold 32 bytes.
    """
    from_environment = os.environ.pop(KEY_VARIABLE, "")
    if key_file is not None:
        return _key(_read_key_file(Path(key_file)), study)
    if from_environment:
        return _key(_from_hexadecimal(from_environment), study)
    if study.is_simulated:
        name = f"simulated study {study.name}".encode()
        return _key(hashlib.blake2b(name, digest_size=KEY_BYTES).digest(), study, True)
    raise KeyMissingError(f"The study {study.name} needs a key for its pseudonyms. {HOW_TO_MAKE}")


def _key(secret: bytes, study: Study, is_simulated: bool = False) -> Key:
    own = hashlib.blake2b(study.name.encode(), key=secret, digest_size=KEY_BYTES).digest()
    fingerprint = hashlib.blake2b(b"fingerprint", key=own, digest_size=8).hexdigest()
    return Key(own, fingerprint, is_simulated)


def _from_hexadecimal(text: str) -> bytes:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text.strip()):
        raise KeyMissingError(f"{KEY_VARIABLE} is not 64 hexadecimal digits. {HOW_TO_MAKE}")
    return bytes.fromhex(text.strip())


def _read_key_file(path: Path) -> bytes:
    real = path.resolve()
    if not real.is_file():
        raise KeyMissingError(f"There is no key file of that name. {HOW_TO_MAKE}")
    _refuse_inside_repository(real)
    if os.name == "posix" and stat.S_IMODE(real.stat().st_mode) & 0o077:
        raise KeyMissingError("The key file is open to others. Close it: `chmod 600 FILE`.")
    if real.stat().st_size != KEY_BYTES:
        raise KeyMissingError(f"The key file does not hold {KEY_BYTES} bytes. {HOW_TO_MAKE}")
    return real.read_bytes()


def _refuse_inside_repository(real: Path) -> None:
    if any((folder / ".git").exists() for folder in real.parents):
        raise KeyMissingError(
            "The key file lies inside a repository, where it may be committed. Move it elsewhere."
        )


def make_key_file(path: Path) -> None:
    """Write a new key: 32 random bytes that only its owner can read; never over another file."""
    real = path.resolve()
    _refuse_inside_repository(real)
    try:
        handle = os.open(real, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UsageError(f"The key file cannot be made there: {error.strerror}.") from None
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))


def pseudonyms(ids: pd.Series, key: Key, purpose: str, scope: str = "") -> pd.Series:
    """Pseudonyms of normal ids, categorical: 24 hexadecimal digits; null stays null.

    ``scope`` parts ids that are only unique within a municipality (case numbers). Each distinct
    id is hashed once.

    Raises UsageError for a purpose without a sub-key.
    """
    begun = hashlib.blake2b(f"{scope}\x1f".encode(), key=_subkey(key, purpose), digest_size=12)
    places, distinct = distinct_texts(ids)
    # As a plain list, for each text of an Arrow array is wrapped anew as it is passed by.
    known = pd.Series([*(_hashed(each, begun) for each in distinct.tolist()), None], dtype="str")
    return known.astype("category").take(places).set_axis(ids.index)


def _hashed(text: str, begun: hashlib.blake2b) -> str:
    """The hash of a text behind what was hashed before."""
    ended = begun.copy()
    ended.update(text.encode())
    return ended.hexdigest()


def record_keys(ids: pd.Series, key: Key) -> pd.Series:
    """A number in [0, 1) for each pseudonym, always the same under the same key."""
    subkey = _subkey(key, "record")
    places, distinct = pd.factorize(ids)
    numbers = [
        int.from_bytes(hashlib.blake2b(each.encode(), key=subkey, digest_size=8).digest()) >> 11
        for each in distinct
    ]
    return pd.Series([*numbers, None], dtype="float64").take(places).set_axis(ids.index) / 2**53


def row_marks(values: pd.Series, key: Key) -> pd.Series:
    """Keyed numbers that stand for record ids within one municipality; null stays null.

    These only tell equal from unequal and are never joined over studies, so that a quick keyed
    64-bit hash (SipHash) serves.
    """
    subkey, is_there = _subkey(key, "record").hex()[:16], values.notna().to_numpy()
    marks = np.zeros(len(values), dtype="uint64")
    texts = values.array[is_there].to_numpy(object)
    marks[is_there] = pd.util.hash_array(texts, hash_key=subkey, categorize=False)
    return pd.Series(pd.arrays.IntegerArray(marks, ~is_there), values.index)


def _subkey(key: Key, purpose: str) -> bytes:
    if purpose not in PURPOSES:
        raise UsageError(f"There is no such purpose; there are: {', '.join(PURPOSES)}.")
    return hashlib.blake2b(purpose.encode(), key=key.secret, digest_size=KEY_BYTES).digest()


def main(arguments: list[str]) -> int:
    """Make the key file named on the command line."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m hfcore.identity FILE", file=sys.stderr)
        return 2
    try:
        make_key_file(Path(arguments[0]))
    except HfcoreError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print("A new key is there. Keep it secret and keep a copy: without it no later export fits.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
