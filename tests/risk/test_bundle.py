import hashlib
import os
import shutil

import numpy as np
import pytest

from cardrisk.errors import BundleError
from cardrisk.risk import bundle

FILES = {"model.json": b'{"a": 1}\n' * 20, "fail.txt": b"tree\n" * 3_000, "cause.txt": b""}
KEY = b"0123456789abcdef"


@pytest.fixture
def folder(tmp_path):
    bundle.write(tmp_path / "b", FILES)
    return tmp_path / "b"


def state(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_was_written_is_read(tmp_path):
    digest = bundle.write(tmp_path / "deep" / "b", FILES, key=KEY)
    for contents in (
        bundle.read(tmp_path / "deep" / "b"),
        bundle.read(tmp_path / "deep" / "b", key=KEY, digest=digest),
    ):
        assert dict(contents.files) == FILES
        assert contents.digest == digest


def test_a_place_that_cannot_hold_a_bundle_is_refused_by_name(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match=r"can be written at .*file, got: .*; choose another"):
        bundle.write(tmp_path / "file" / "b", FILES)


def test_equal_content_gives_equal_bytes(tmp_path):
    assert bundle.write(tmp_path / "a", FILES) == bundle.write(tmp_path / "b", dict(reversed(FILES.items())))
    assert state(tmp_path / "a") == state(tmp_path / "b")


@pytest.mark.parametrize("key", [None, KEY])
def test_every_bit_flip_is_refused(tmp_path, full_or, key):
    place = tmp_path / "b"
    bundle.write(place, FILES, key=key)
    random = np.random.default_rng(5)
    whole = state(place)
    for name in ["MANIFEST"] * full_or(5_000, 300) + ["fail.txt", "model.json"] * full_or(2_500, 100):
        content = bytearray(whole[name])
        content[random.integers(len(content))] ^= 1 << random.integers(8)
        (place / name).write_bytes(content)
        with pytest.raises(BundleError):
            bundle.read(place)
        (place / name).write_bytes(whole[name])
    assert dict(bundle.read(place, key=key).files) == FILES


def test_every_truncation_and_growth_is_refused(folder):
    for name, content in state(folder).items():
        for end in [*range(0, len(content), 1_024), len(content) - 1]:
            if 0 <= end < len(content):
                (folder / name).write_bytes(content[:end])
                with pytest.raises(BundleError):
                    bundle.read(folder)
        (folder / name).write_bytes(content + b"\n")
        with pytest.raises(BundleError):
            bundle.read(folder)
        (folder / name).write_bytes(content)


def test_swapped_and_rolled_back_files_are_refused(folder, tmp_path):
    old = bundle.write(tmp_path / "old", {**FILES, "fail.txt": b"eert\n" * 3_000})
    shutil.copy(tmp_path / "old" / "fail.txt", folder / "fail.txt")
    with pytest.raises(BundleError, match=r"fail\.txt is not the file that was saved"):
        bundle.read(folder)
    now = bundle.write(folder, FILES)
    with pytest.raises(BundleError, match=f"expected the bundle {now[:12]}..., got {old[:12]}"):
        bundle.read(tmp_path / "old", digest=now)


def test_links_extra_and_missing_files_are_refused(folder, tmp_path):
    (tmp_path / "elsewhere").write_bytes(FILES["fail.txt"])
    (folder / "fail.txt").unlink()
    with pytest.raises(BundleError, match=r"differing: \['fail.txt'\]"):
        bundle.read(folder)
    os.symlink(tmp_path / "elsewhere", folder / "fail.txt")
    with pytest.raises(BundleError, match="links are not followed"):
        bundle.read(folder)
    (folder / "fail.txt").unlink()
    os.mkfifo(folder / "fail.txt")
    with pytest.raises(BundleError, match="not the regular file"):
        bundle.read(folder)
    (folder / "fail.txt").unlink()
    (folder / "fail.txt").mkdir()
    with pytest.raises(BundleError, match=r"cannot read fail.txt of the bundle \(IsADirectoryError\)"):
        bundle.read(folder)
    (folder / "fail.txt").rmdir()
    (folder / "fail.txt").write_bytes(FILES["fail.txt"])
    (folder / "more.py").write_text("import os")
    with pytest.raises(BundleError, match=r"differing: \['more.py'\]"):
        bundle.read(folder)


def test_only_bundles_of_the_key_load(tmp_path):
    bundle.write(tmp_path / "signed", FILES, key=KEY)
    bundle.write(tmp_path / "plain", FILES)
    with pytest.raises(BundleError, match="got an unsigned one"):
        bundle.read(tmp_path / "plain", key=KEY)
    with pytest.raises(BundleError, match="not signed with the given key"):
        bundle.read(tmp_path / "signed", key=KEY[::-1])
    with pytest.raises(BundleError, match="at least 16 bytes, got 5"):
        bundle.read(tmp_path / "signed", key=b"short")


def sealed(lines: list[str]) -> bytes:
    digest = hashlib.sha256(("\n".join(lines) + "\n").encode()).hexdigest()
    return ("\n".join([*lines, f"digest {digest}"]) + "\n").encode()


def line(name: str, content: bytes = b"x") -> str:
    return f"file {hashlib.sha256(content).hexdigest()} {len(content)} {name}"


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        (["cardrisk-bundle 99", line("a.txt")], r"expected bundle protocol \(1,\), got 99"),
        (["cardrisk-bundle 1", line("../a.txt")], "damaged"),
        (["cardrisk-bundle 1", line("b.txt"), line("a.txt")], "damaged"),
        (["cardrisk-bundle 1", line("a.txt"), line("a.txt")], "damaged"),
        (["cardrisk-bundle 1", line("a.txt"), "hmac-sha256 " + "0" * 63], "damaged"),
        (["cardrisk-bundle 1", "hmac-sha256 " + "0" * 64], "damaged"),
        (["cardrisk-bundle 01", line("a.txt")], "damaged"),
        (["something else", line("a.txt")], "damaged"),
        (["cardrisk-bundle 1", line("a.txt").replace(" 1 ", " 01 ")], "damaged"),
        (["cardrisk-bundle 1", line("a.txt").replace(" 1 ", " 999999999999 ")], "not the regular file"),
    ],
)
def test_manifests_with_a_good_digest_but_bad_content(tmp_path, lines, match):
    (tmp_path / "MANIFEST").write_bytes(sealed(lines))
    (tmp_path / "a.txt").write_bytes(b"x")
    with pytest.raises(BundleError, match=match):
        bundle.read(tmp_path)


def test_what_is_no_bundle_is_said_to_be_none(tmp_path):
    with pytest.raises(BundleError, match="no MANIFEST in it"):
        bundle.read(tmp_path)
    with pytest.raises(BundleError, match="got FileNotFoundError"):
        bundle.read(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(BundleError, match="got NotADirectoryError"):
        bundle.read(tmp_path / "file")


def test_saving_never_replaces_what_is_no_bundle(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("precious")
    with pytest.raises(BundleError, match="got something else"):
        bundle.write(tmp_path / "mine", FILES)
    assert (tmp_path / "mine" / "notes").read_text() == "precious"
    with pytest.raises(BundleError, match=r"wrong: \['\.\./x\.txt'\]"):
        bundle.write(tmp_path / "new", {"../x.txt": b""})
    assert not (tmp_path / "new").exists()


def test_a_failing_save_leaves_the_old_bundle_and_nothing_else(folder, tmp_path, monkeypatch):
    before = state(folder)
    real = bundle._write_through

    def fails(path, content):
        if path.name == "MANIFEST":
            raise OSError("disk full")
        real(path, content)

    monkeypatch.setattr(bundle, "_write_through", fails)
    with pytest.raises(OSError, match="disk full"):
        bundle.write(folder, {"model.json": b"new"})
    assert state(folder) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b"]


def test_saving_over_a_bundle_replaces_it_whole(folder, tmp_path):
    bundle.write(folder, {"model.json": b"new"})
    assert dict(bundle.read(folder).files) == {"model.json": b"new"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b"]
