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
import unicodedata
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from hfcore.errors import HfcoreError, KeyMissingError, UsageError
from hfcore.study import Study

KEY_BYTES = 32
KEY_VARIABLE = "HFCORE_KEY"
PURPOSES = ("household", "person", "worker", "record")
ID_RULES = ("", "E-ID", "E-ID-CENTURY")
HOW_TO_MAKE = (
    "Make one with `python -m hfcore.identity FILE`, outside the repository, and give it with "
    f"--key-file FILE or as hexadecimal digits in the environment variable {KEY_VARIABLE}."
)

_CENTURY = re.compile(r"(\d{8})-?(\d{4})|(\d{6})([-+])?(\d{4})")
_INTERIM = re.compile(r"\b(\d{8}|\d{6})-([A-Z]\d{3}|\d{2}[A-Z]\d)\b")
# Case numbers that are normal as they are: no personal number has a letter first or so few digits.
_PLAIN_CASE = re.compile(r"[A-Z]{1,8}[0-9]{1,20}|[0-9]{1,9}", re.ASCII)
_POWER_OF_TEN = re.compile(r"\d+(?:[.,]\d+)?E\+\d+")
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\uff0d"), "-")


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


def normal_ids(
    values: pd.Series, birth_years: pd.Series | None = None, cutoff: date | None = None
) -> pd.DataFrame:
    """Ids in one form each, with what is wrong with them.

    A personal number or coordination number, however written, becomes its twelve digits. Ten
    digits get their century from the sign (``-`` below 100 years at the cut-off, ``+`` above)
    or from the birth year beside. Other ids keep their letters and digits, in upper case.

    Returns one row a value: ``id`` (categorical, null where refused or missing), ``rule``
    (categorical: ``E-ID``, ``E-ID-CENTURY`` or empty), ``is_national`` (the same person in every
    municipality).

    >>> normal_ids(pd.Series(["19811218-9876", "811218-9876", "A-17"]), cutoff=date(2021, 12, 31))
                 id rule  is_national
    0  198112189876              True
    1  198112189876              True
    2          A-17             False
    """
    places, texts = _distinct(values)
    if birth_years is None:
        known = _normal_frame([(text, None) for text in texts], cutoff)
        return known.take(places).set_axis(values.index)
    years = birth_years.astype("object").where(birth_years.notna(), None)
    pairs = pd.DataFrame(
        {"text": values.astype("object").where(values.notna(), None), "year": years}
    )
    groups = pairs.groupby(["text", "year"], sort=False, dropna=False).ngroup()
    distinct = pairs.loc[~groups.duplicated()]
    known = _normal_frame(list(distinct.itertuples(index=False, name=None)), cutoff)
    return known.take(groups).set_axis(values.index)


def _distinct(texts: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """The place of each text among the distinct ones (-1: null), and these."""
    if texts.dtype == "category":
        return texts.cat.codes.to_numpy(), texts.cat.categories
    return pd.factorize(texts)


def _normal_frame(pairs: list[tuple[object, int | None]], cutoff: date | None) -> pd.DataFrame:
    """The normal form of each distinct id and birth year, and last that of none."""
    found = [_normal(text, year, cutoff) for text, year in [*pairs, (None, None)]]
    ids, rules, is_national = zip(*found, strict=True)
    codes, normal = pd.factorize(pd.Series(ids, dtype="str"))
    return pd.DataFrame(
        {
            "id": pd.Categorical.from_codes(codes, normal),
            "rule": pd.Categorical(rules, ID_RULES),
            "is_national": is_national,
        }
    )


def plain(text: str) -> str:
    """A text in the one form in which ids are compared: NFKC, ASCII digits, no blanks or dashes.

    >>> plain("１９８１\u00a01218‐9876")
    '19811218-9876'
    """
    if text.isascii() and text.isprintable():
        return text.replace(" ", "").upper()
    letters = unicodedata.normalize("NFKC", text).translate(_DASHES)
    kept = (c for c in letters if unicodedata.category(c) not in ("Cf", "Cc", "Zs", "Zl", "Zp"))
    return "".join(_ascii_digit(c) for c in kept).upper()


def _ascii_digit(character: str) -> str:
    if character.isascii() or not character.isdecimal():
        return character
    return str(unicodedata.decimal(character))


def _normal(value: object, year: int | None, cutoff: date | None) -> tuple[str | None, str, bool]:
    if not isinstance(value, str) or not value:
        return None, "", False
    if _PLAIN_CASE.fullmatch(value):
        return value, "", False
    year = None if year is None or pd.isna(year) else int(year)
    text = plain(value)
    match = _CENTURY.fullmatch(text)
    if not match:
        return _local(text)
    if match[1]:
        return _checked(match[1] + match[2], text)
    if not _is_day("20" + match[3]) and not _is_day("19" + match[3]):
        return _local(text)
    century = _century(int(match[3][:2]), match[4], year, cutoff)
    if century is None:
        return None, "E-ID-CENTURY" if year is None else "E-ID", False
    return _checked(f"{century:02}{match[3]}{match[5]}", text)


def _local(text: str) -> tuple[str | None, str, bool]:
    """An id that is no personal number; a number in powers of ten has lost its digits."""
    if _POWER_OF_TEN.fullmatch(text) or not re.search(r"[0-9A-ZÅÄÖ]", text):
        return None, "E-ID", False
    return _INTERIM.sub(r"\1\2", text), "", False


def _checked(digits: str, text: str) -> tuple[str | None, str, bool]:
    if not _is_day(digits[:8]):
        return _local(text)
    if not is_luhn(digits[2:]):
        return None, "E-ID", False
    return digits, "", True


def _century(two: int, sign: str | None, year: int | None, cutoff: date | None) -> int | None:
    if year is not None:
        return year // 100 if year % 100 == two else None
    if sign is None or cutoff is None:
        return None
    youngest = cutoff.year // 100 if two <= cutoff.year % 100 else cutoff.year // 100 - 1
    return youngest - 1 if sign == "+" else youngest


def _is_day(digits: str) -> bool:
    """Whether eight digits are a day, where a coordination number has day + 60."""
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:])
    try:
        date(year, month, day - 60 if day > 60 else day)
    except ValueError:
        return False
    return 1850 <= year <= 2100


def is_luhn(ten: str) -> bool:
    """Whether the last of ten digits is the check digit of the nine before.

    >>> is_luhn("8112189876"), is_luhn("8112189875")
    (True, False)
    """
    doubled = [int(d) * (2 - place % 2) for place, d in enumerate(ten)]
    return sum(each // 10 + each % 10 for each in doubled) % 10 == 0


def pseudonyms(ids: pd.Series, key: Key, purpose: str, scope: str = "") -> pd.Series:
    """Pseudonyms of normal ids, categorical: 24 hexadecimal digits; null stays null.

    ``scope`` parts ids that are only unique within a municipality (case numbers). Each distinct
    id is hashed once.

    Raises UsageError for a purpose without a sub-key.
    """
    begun = hashlib.blake2b(f"{scope}\x1f".encode(), key=_subkey(key, purpose), digest_size=12)
    places, distinct = _distinct(ids)
    known = pd.Series([*(_hashed(each, begun) for each in distinct), None], dtype="str")
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
    subkey, is_null = _subkey(key, "record").hex()[:16], values.isna().to_numpy()
    texts = values.to_numpy(object)
    if is_null.any():
        texts = np.where(is_null, "", texts)
    marks = pd.util.hash_array(texts, hash_key=subkey, categorize=False)
    return pd.Series(pd.arrays.IntegerArray(marks, is_null), values.index)


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
