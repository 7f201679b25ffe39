"""The canary scan: plant codes nobody else has, run something, look for them in everything it left behind.

Correct when a planted code is found in any of the forms below wherever it stands, and nothing else is found.

Forms: the code; a part of it (8 or more characters of an alphanumeric one, 12 or more of a digits-only one); either
reversed; grouped by spaces or hyphens; UTF-16; base64 at any alignment; hex; unkeyed digests of number, secret or
both. Case does not matter where it carries nothing.

**Adding surfaces.** A room puts a file ``canary_surfaces.py`` into its test folder with functions like ::

    from tests.canary import Planted, surface

    @surface("the bundle of a trained model")
    def bundle(planted: Planted):
        model = cardrisk.train(planted.submissions, planted.outcomes)
        model.save(planted.tmp / "bundle")
        yield "bundle", planted.tmp / "bundle"      # a path (file or folder), text, bytes, or any object

``tests/test_canary.py`` runs every one of them; what goes to logs, warnings, stdout and stderr meanwhile is scanned
by itself, and so is what an exception says.
"""

import base64
import binascii
import bz2
import gzip
import hashlib
import io
import logging
import lzma
import re
import traceback
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

ALNUM = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PART_ALNUM = 8
PART_DIGITS = 12
DIGESTS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "blake2b", "blake2s")
_GROUPED = re.compile(rb"(?<=[0-9A-Za-z])[ \-\x00](?=[0-9A-Za-z])")
_SIEVE = 2**22 - 1
_BASE = np.uint64(0x100000001B3)


class Canaries:
    """Codes of which every part is as good as unique.

    Parameters
    ----------
    count
        Cards; one in five has digits-only codes (16 and 18 long), the rest alphanumeric ones (16 long).
    seed
        Of the generator.
    """

    def __init__(self, count: int, seed: int = 77) -> None:
        rng = np.random.default_rng(seed)
        digits = np.arange(count) % 5 == 0
        self.numbers = [self._draw(rng, plain, 16) for plain in digits]
        self.secrets = [self._draw(rng, plain, 18 if plain else 16) for plain in digits]
        self.kinds = ["china_telecom" if plain else "jd_ecard" for plain in digits]

    @staticmethod
    def _draw(rng: np.random.Generator, digits: bool, length: int) -> str:
        return "".join(ALNUM[i] for i in rng.integers(10 if digits else 36, size=length))

    def __len__(self) -> int:
        return len(self.numbers)

    def plant(self, submissions: pd.DataFrame) -> pd.DataFrame:
        """Return ``submissions`` with these codes (over and over, in order) and kinds that go with them."""
        rows = np.arange(len(submissions)) % len(self)
        columns = {"card_no": self.numbers, "card_secret": self.secrets, "card_kind": self.kinds}
        return submissions.assign(
            **{name: pd.Series(np.array(values)[rows], submissions.index, "str") for name, values in columns.items()}
        )

    @cached_property
    def needles(self) -> dict[tuple[int, bool], np.ndarray]:
        """Sorted hashes of every form, by (bytes, whether case is folded)."""
        found: dict[tuple[int, bool], set[bytes]] = {}
        for number, secret in zip(self.numbers, self.secrets, strict=True):
            for code in (number, secret):
                for form, folded in _forms(code):
                    found.setdefault((len(form), folded), set()).add(form.lower() if folded else form)
            for text in (
                number,
                secret,
                number + secret,
                f"{number} {secret}",
                f"{number}:{secret}",
                f"{number},{secret}",
            ):
                for form, folded in _digests(text):
                    found.setdefault((len(form), folded), set()).add(form.lower() if folded else form)
        return {(size, folded): np.unique(_hash_each(forms, size)) for (size, folded), forms in found.items()}

    @cached_property
    def _sieves(self) -> dict[tuple[int, bool], np.ndarray]:
        """Which low bits occur among the needles: one look rules out nearly every window."""
        sieves = {}
        for key, hashes in self.needles.items():
            sieves[key] = np.zeros(_SIEVE + 1, np.bool_)
            sieves[key][hashes & np.uint64(_SIEVE)] = True
        return sieves

    def scan(self, *things: Any) -> list[str]:
        """Return where a canary was found, as ``place: what stands there`` - empty when nothing leaked."""
        return [hit for thing in things for place, data in views(thing) for hit in self._scan(place, data)]

    def _scan(self, place: str, data: bytes) -> Iterator[str]:
        joined = _GROUPED.sub(b"", data)
        for text in (data, joined) if joined != data else (data,):
            lower = text.lower()
            for (size, folded), hashes in self.needles.items():
                at = _found(_hashes(lower if folded else text, size), hashes, self._sieves[size, folded])
                if at.size:
                    yield f"{place}: {text[at[0] : at[0] + size]!r} and {at.size - 1} more"


def _forms(code: str) -> Iterator[tuple[bytes, bool]]:
    part = PART_DIGITS if code.isdigit() else PART_ALNUM
    for text in (code, code[::-1]):
        for at in range(len(text) - part + 1):
            piece = text[at : at + part].encode()
            yield piece, True
            yield binascii.hexlify(piece), True
        raw = text.encode()
        for skip in range(3):
            yield base64.b64encode(bytes(skip) + raw)[(0, 2, 3)[skip] :][:12], False


def _digests(text: str) -> Iterator[tuple[bytes, bool]]:
    for name in DIGESTS:
        digest = hashlib.new(name, text.encode()).digest()
        yield digest[:8], False
        yield digest.hex()[:16].encode(), True
        yield base64.b64encode(digest)[:12], False
        yield base64.urlsafe_b64encode(digest)[:12], False


def _hashes(data: bytes, size: int) -> np.ndarray:
    """Hash every window of ``size`` bytes; equal windows hash alike, different ones once in 2**64."""
    if len(data) < size:
        return np.zeros(0, np.uint64)
    return _hash_rows(np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, np.uint8), size))


def _hash_each(forms: Iterable[bytes], size: int) -> np.ndarray:
    return _hash_rows(np.frombuffer(b"".join(forms), np.uint8).reshape(-1, size))


def _hash_rows(rows: np.ndarray) -> np.ndarray:
    out = np.full(len(rows), 14695981039346656037, np.uint64)
    for column in rows.T:
        out = (out ^ column) * _BASE
        out ^= out >> np.uint64(29)
    return out


def _found(windows: np.ndarray, needles: np.ndarray, sieve: np.ndarray) -> np.ndarray:
    """Return which windows are needles."""
    likely = np.flatnonzero(sieve[windows & np.uint64(_SIEVE)])
    places = np.minimum(np.searchsorted(needles, windows[likely]), needles.size - 1)
    return likely[needles[places] == windows[likely]]


def views(thing: Any, place: str = "") -> Iterator[tuple[str, bytes]]:
    """Yield everything readable in ``thing``: files of a folder, members of archives, columns of tables."""
    if isinstance(thing, Path):
        files = sorted(path for path in thing.rglob("*") if path.is_file()) if thing.is_dir() else [thing]
        for path in files:
            yield f"name of {path.name}", str(path).encode()
            yield from _file(f"{place}{path}", path.read_bytes())
    elif isinstance(thing, tuple) and len(thing) == 2 and isinstance(thing[0], str):
        yield from views(thing[1], f"{place}{thing[0]} ")
    elif isinstance(thing, pd.DataFrame):
        yield f"{place}table", thing.to_csv().encode("utf-8", "replace")
    elif isinstance(thing, bytes):
        yield from _file(f"{place}bytes", thing)
    else:
        text = thing if isinstance(thing, str) else f"{thing!r}\n{thing}"
        yield f"{place}text", text.encode("utf-8", "backslashreplace")


def _file(place: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    yield place, data
    if data[:4] == b"PAR1":
        yield f"{place} as table", pq.read_table(io.BytesIO(data)).to_pandas().to_csv().encode("utf-8", "replace")
    elif data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield from _file(f"{place}!{name}", archive.read(name))
    else:
        for magic, opened in _PACKED.items():
            if data.startswith(magic):
                yield from _file(f"{place} unpacked", opened(data))
        yield from _streams(place, data)


def _unpack(kind: str) -> Callable[[bytes], bytes]:
    def unpacked(data: bytes) -> bytes:
        with pa.input_stream(pa.py_buffer(data), compression=kind) as stream:
            return bytes(stream.read())

    return unpacked


def _plain_zlib(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error:  # two bytes are no sure sign
        return b""


_PACKED: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ": lzma.decompress,
    b"\x04\x22\x4d\x18": _unpack("lz4"),
    b"\x28\xb5\x2f\xfd": _unpack("zstd"),
    **dict.fromkeys((b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"), _plain_zlib),
}


def _streams(place: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Tables in Arrow's form anywhere in a file: their columns may be packed each by itself."""
    at = data.find(_MESSAGE)
    while at >= 0:
        with suppress(pa.ArrowException, OSError, EOFError):
            table = pa.ipc.open_stream(pa.py_buffer(data)[at:]).read_all()
            yield f"{place} as table at {at}", table.to_pandas().to_csv().encode("utf-8", "replace")
        at = data.find(_MESSAGE, at + len(_MESSAGE))


_MESSAGE = b"\xff\xff\xff\xff"


@dataclass
class Planted:
    """What a surface works on.

    Attributes
    ----------
    canaries
        The planted codes.
    tmp
        An empty folder.
    """

    canaries: Canaries
    tmp: Path
    seen: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def cards(self) -> list[dict[str, Any]]:
        """One plain card per canary, in batches of twenty."""
        start = pd.Timestamp("2026-01-05", tz="UTC")
        rows = zip(self.canaries.kinds, self.canaries.numbers, self.canaries.secrets, strict=True)
        return [
            {
                "submission_id": f"canary-{row}",
                "submitted_at": start + pd.Timedelta(seconds=row // 20),
                "batch_id": f"batch-{row // 20}",
                "card_kind": kind,
                "card_no": number,
                "card_secret": secret,
                "submitter_id": f"person-{row % 97}",
                "client_ip": f"198.51.100.{row % 250}",
                "device_id": f"device-{row % 80}",
                "face_value": 50.0,
                "channel": "offline",
            }
            for row, (kind, number, secret) in enumerate(rows)
        ]

    @cached_property
    def _world(self) -> Any:
        from cardrisk.world import generate

        return generate(days=3, scale=0.02, seed=5)

    @property
    def submissions(self) -> pd.DataFrame:
        """Submissions of a small synthetic world whose codes are canaries."""
        return self.canaries.plant(self._world.submissions)

    @property
    def outcomes(self) -> pd.DataFrame:
        """The answers to :attr:`submissions`."""
        return self._world.outcomes


Surface = Callable[[Planted], Iterable[Any]]
SURFACES: dict[str, Surface] = {}


def surface(name: str) -> Callable[[Surface], Surface]:
    """Register a surface: a function that yields what is to be scanned."""

    def register(function: Surface) -> Surface:
        assert name not in SURFACES, f"two canary surfaces are called {name!r}"
        SURFACES[name] = function
        return function

    return register


def run(name: str, planted: Planted) -> list[str]:
    """Run a surface and return every hit in what it yields, logs (DEBUG), warns, prints or raises."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with redirect_stdout(said), redirect_stderr(said), warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            hits = planted.canaries.scan(*((name, thing) for thing in SURFACES[name](planted)))
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    said.writelines(f"{warning.message}\n" for warning in warned)
    return hits + planted.canaries.scan((f"{name} said", said.getvalue()))


def raised(call: Callable[[], object]) -> str:
    """Return all an exception says: message, arguments, formatted traceback and the chain behind it."""
    try:
        call()
    except Exception as error:
        logging.getLogger("canary").exception("failed")
        chain: list[BaseException] = []
        link: BaseException | None = error
        while link is not None and link not in chain:
            chain.append(link)
            link = link.__cause__ or link.__context__
        return "".join(f"{e!r} {e} {e.args}\n" for e in chain) + "".join(traceback.format_exception(error))
    return ""
