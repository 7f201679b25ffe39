"""No planted code leaves anywhere, and the scan that says so finds every planted leak."""

import base64
import gzip
import hashlib
import importlib
import io
import logging
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from tests.canary import DIGESTS, SURFACES, Canaries, Planted, run, surface, views

for path in sorted(Path(__file__).parent.glob("*/canary_surfaces.py")):
    importlib.import_module(f"tests.{path.parent.name}.canary_surfaces")
NAMES = sorted(SURFACES)


@pytest.fixture(scope="module")
def canaries(full_or: Callable[[int, int], int]) -> Canaries:
    return Canaries(full_or(10_000, 400))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_leaks(name: str, canaries: Canaries, tmp_path: Path) -> None:
    assert run(name, Planted(canaries, tmp_path)) == []


def encodings(code: str) -> dict[str, bytes]:
    """Every form a leak may take, in the middle of something else."""
    part = 12 if code.isdigit() else 8
    raw = code.encode()
    forms = {
        "plain": raw,
        "lower case": code.lower().encode(),
        "first part": raw[:part],
        "last part": raw[-part:],
        "middle part": raw[2 : 2 + part],
        "reversed": raw[::-1],
        "part of reversed": raw[::-1][1 : 1 + part],
        "in fours": b"-".join(raw[i : i + 4] for i in range(0, len(raw), 4)),
        "spaced": b" ".join(raw[i : i + 4] for i in range(0, len(raw), 4)),
        "utf-16": code.encode("utf-16-le"),
        "hex": raw.hex().encode(),
        "upper hex of a part": raw[:part].hex().upper().encode(),
        "base64 of reversed": base64.b64encode(raw[::-1]),
    }
    forms |= {f"base64 after {n}": base64.b64encode(b"key=:"[:n] + raw + b"...") for n in range(6)}
    for name in DIGESTS:
        digest = hashlib.new(name, raw).digest()
        forms |= {f"{name}": digest, f"{name} hex": digest.hex().encode(), f"{name} base64": base64.b64encode(digest)}
        forms |= {f"{name} short": digest.hex()[:16].upper().encode()}
    return forms


@pytest.mark.parametrize("form", list(encodings("A" * 16)))
def test_a_planted_leak_is_found_in_every_form(form: str, canaries: Canaries) -> None:
    for row in (0, 1, len(canaries) - 1):
        for code in (canaries.numbers[row], canaries.secrets[row]):
            leak = b"some text before: " + encodings(code)[form] + b", and after"
            assert canaries.scan(leak), form
    assert not canaries.scan(b"some text before: " + encodings("31415926535897932")[form] + b", and after")


def packed(data: bytes, how: str, folder: Path) -> Path:
    path = folder / f"leak.{how}"
    if how == "parquet":
        pd.DataFrame({"note": [data.decode()] * 3}).to_parquet(path, compression="zstd")
    elif how == "zip":
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("deep.txt", gzip.compress(data * 20))
        path.write_bytes(inner.getvalue())
    elif how in ("lz4", "zstd"):
        with pa.output_stream(path, compression=how) as stream:
            stream.write(data * 20)
    elif how == "zlib":
        path.write_bytes(zlib.compress(data * 20))
    elif how == "arrow":
        table = pa.table({"note": [data.decode()] * 300})
        with path.open("wb") as file:
            file.write(b"a head of its own")
            with pa.ipc.new_stream(file, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as stream:
                stream.write_table(table)
    else:
        path.write_bytes(gzip.compress(data * 20))
    return folder


@pytest.mark.parametrize("how", ["parquet", "zip", "gz", "lz4", "zstd", "zlib", "arrow"])
def test_a_leak_is_found_in_packed_files(how: str, canaries: Canaries, tmp_path: Path) -> None:
    assert canaries.scan(packed(canaries.numbers[3].encode(), how, tmp_path))
    assert not canaries.scan(packed(b"nothing to see", how, tmp_path))


def test_a_leak_is_found_in_names_tables_and_objects(canaries: Canaries, tmp_path: Path) -> None:
    code = canaries.secrets[4]
    (tmp_path / f"card {code}.txt").write_text("nothing")
    assert canaries.scan(tmp_path)
    assert canaries.scan(pd.DataFrame({code: [1]}))
    assert canaries.scan({"card": [code]})
    assert canaries.scan(("a place", (1, code)))
    assert list(views("x")) == [("text", b"x")]


@pytest.mark.parametrize("road", ["logs", "prints", "warns", "yields", "digests of both"])
def test_a_surface_that_leaks_is_caught(road: str, canaries: Canaries, tmp_path: Path) -> None:
    code = canaries.numbers[7]

    @surface(f"a leak that {road}")
    def leak(planted: Planted):
        if road == "logs":
            logging.getLogger("deep.inside").debug("card %s", code)
        elif road == "prints":
            print(code)
        elif road == "warns":
            import warnings

            warnings.warn(f"odd card {code}", UserWarning, stacklevel=1)
        elif road == "yields":
            yield code
        else:
            yield hashlib.sha256((code + planted.canaries.secrets[7]).encode()).hexdigest()

    try:
        assert run(f"a leak that {road}", Planted(canaries, tmp_path))
    finally:
        del SURFACES[f"a leak that {road}"]


def test_canaries_are_planted_where_codes_stand(canaries: Canaries) -> None:
    frame = canaries.plant(pd.DataFrame({"submission_id": range(2_500)}))
    assert frame["card_no"].tolist()[: len(canaries)] == canaries.numbers[:2_500]
    assert canaries.scan(frame)
    assert not canaries.scan(frame.drop(columns=["card_no", "card_secret"]))
