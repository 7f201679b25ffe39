import io
import json
import subprocess
import sys
import tracemalloc
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cardrisk.errors import BundleError, FeatureMismatchError
from cardrisk.features import FEATURES, FeatureSet, compute
from cardrisk.risk import RiskModel, bundle, train
from cardrisk.risk.tables import prepare
from tests.risk.tables_for_risk import KEY, answers, cards

SIGNING = b"0123456789abcdef"


@pytest.fixture(scope="module")
def trained():
    submissions = cards(2_000).assign(channel="ecommerce")
    submissions.loc[::3, "channel"] = "offline"
    outcomes = answers(submissions, wait="1h", causes=True)
    model = train(submissions, outcomes, key=KEY, params={"rounds": 30, "cause_rounds": 4}, threads=1)
    tables = prepare(submissions, outcomes, key=KEY)
    return model, compute(tables.submissions, tables.outcomes, features=model.features)


def test_saved_and_loaded_gives_the_same_bits(trained, tmp_path):
    model, frame = trained
    digest = model.save(tmp_path / "b", key=SIGNING)
    again = RiskModel.load(tmp_path / "b", key=SIGNING, digest=digest)
    assert again.version == model.version
    assert again.features.digest == model.features.digest
    pd.testing.assert_frame_equal(again.predict(frame), model.predict(frame), check_exact=True)
    assert again.save(tmp_path / "c", key=SIGNING) == digest


def test_equal_to_lightgbm_and_to_the_map(trained):
    import lightgbm

    model, frame = trained
    matrix = model.card.columns.matrix(frame, model.needed).astype(np.float64)
    peer = lightgbm.Booster(model_str=model.files["fail.txt"].decode())
    np.testing.assert_array_equal(peer.predict(matrix, raw_score=True), model.margin(frame))


def test_order_extras_index_and_storage_change_nothing(trained):
    model, frame = trained
    expected = model.predict(frame).to_numpy()
    csv = io.StringIO()
    frame.astype(dict.fromkeys(frame.select_dtypes("float32"), "float64")).to_csv(csv, index=False)
    csv.seek(0)
    others = {
        "columns": frame[frame.columns[::-1]],
        "extra": frame.assign(secret_sauce="x", zzz=1.0),
        "index": frame.set_axis(frame.index + 7, axis=0),
        "arrow": frame.convert_dtypes(dtype_backend="pyarrow"),
        "csv": pd.read_csv(csv, dtype=dict.fromkeys(model.features.categorical, "str")),
    }
    for name, other in others.items():
        np.testing.assert_array_equal(model.predict(other).to_numpy(), expected, err_msg=name)
    np.testing.assert_array_equal(model.predict(frame, threads=2).to_numpy(), expected)


def test_one_card_gives_the_same_bits(trained):
    model, frame = trained
    expected = model.predict(frame).to_numpy()
    for place in range(0, len(frame), 50):
        np.testing.assert_array_equal(model.predict_row(frame.iloc[place].to_dict()), expected[place])
    with pytest.raises(FeatureMismatchError, match="needs features that were not given"):
        model.predict_row({})


def test_no_rows_give_no_rows(trained):
    model, frame = trained
    assert model.predict(frame.iloc[:0]).shape == (0, 14)


def test_changed_definitions_are_refused_by_name(trained, tmp_path):
    model, _ = trained
    model.save(tmp_path / "b")
    name = next(one for one in model.needed if FEATURES[one].window is not None)
    other = "1d" if FEATURES[name].window == "1h" else "1h"
    changed = FeatureSet(tuple(replace(one, window=other) if one.name == name else one for one in FEATURES))
    with pytest.raises(FeatureMismatchError, match=f"defined differently than at training: {name}"):
        RiskModel.load(tmp_path / "b", features=changed).features  # noqa: B018
    with pytest.raises(FeatureMismatchError, match="expected names of declared features"):
        RiskModel.load(tmp_path / "b", features=FEATURES.select(["face_value"])).features  # noqa: B018


def resaved(model, folder, **changes):
    files = {**model.files, **changes}
    bundle.write(folder, {name: content for name, content in files.items() if content is not None}, key=SIGNING)
    return folder


def test_signed_but_malformed_bundles_give_a_typed_error(trained, tmp_path, full_or):
    """Damage below a good signature: a typed error or a model that still predicts; never a crash."""
    model, frame = trained
    random = np.random.default_rng(0)
    names = sorted(model.files)
    refused = 0
    for number in range(full_or(5_000, 120)):
        name = names[number % len(names)]
        content = bytearray(model.files[name])
        for _ in range(int(random.integers(1, 4))):
            content[random.integers(len(content))] = int(random.choice(list(b"0123456789 -.=\nnae")))
        resaved(model, tmp_path / "b", **{name: bytes(content)})
        try:
            damaged = RiskModel.load(tmp_path / "b", key=SIGNING)
            assert damaged.predict(frame.iloc[:5].reindex(columns=damaged.needed)).shape == (5, 14)
        except (BundleError, FeatureMismatchError):
            refused += 1
    assert refused > 0


def bloated(model, count):
    """Bundles' files with a wrong byte and a long tail, or with one line or value that is much too long."""
    random = np.random.default_rng(1)
    for number in range(count):
        name = sorted(model.files)[number % len(model.files)]
        content = bytearray(model.files[name])
        content[random.integers(len(content))] = int(random.choice(list(b"0123456789 -=")))
        yield {name: bytes(content) + b" 9" * 200_000}
    for key in (b"objective=", b"feature_names=", b"tree_sizes=", b"leaf_value="):
        for length in (200_000, 2_000_000):
            yield {"fail.txt": model.files["fail.txt"].replace(key, key + b"9 " * length, 1)}
    for value in (b'"' + b"a" * 2_000_000 + b'"', b"[" + b"1," * 50_000 + b"1]", b"[" * 1_000_000):
        yield {"model.json": model.files["model.json"].replace(b'"about": {', b'"about": {"x": ' + value + b",", 1)}


def test_loading_a_malformed_bundle_takes_twice_its_size_at_most(trained, tmp_path, full_or):
    """The files themselves are held while they are parsed; two MiB are what objects of a small model take."""
    model, _ = trained
    for files in bloated(model, full_or(300, 12)):
        resaved(model, tmp_path / "b", **files)
        size = sum(path.stat().st_size for path in (tmp_path / "b").iterdir())
        tracemalloc.start()
        with suppress(BundleError):
            RiskModel.load(tmp_path / "b", key=SIGNING)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= 2 * size + (2 << 20)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"cause.txt": None}, "expected cause trees of"),
        ({"fail.txt": None}, r"expected the files model\.json, fail\.txt"),
        ({"more.txt": b"x"}, r"expected the files model\.json, fail\.txt"),
        ({"fail.txt": b""}, "."),
        ({"model.json": b"{}"}, "a part is missing"),
    ],
)
def test_parts_must_fit_together(trained, tmp_path, changes, match):
    with pytest.raises(BundleError, match=match):
        RiskModel.load(resaved(trained[0], tmp_path / "b", **changes))


def test_trees_must_fit_the_columns(trained, tmp_path):
    model, _ = trained
    body = json.loads(model.files["model.json"])
    body["features"].append("one_too_many")
    with pytest.raises(BundleError, match=r"expected trees over \d+ features"):
        RiskModel.load(resaved(model, tmp_path / "b", **{"model.json": json.dumps(body).encode()}))
    with pytest.raises(BundleError, match="expected trees over"):
        RiskModel.load(resaved(model, tmp_path / "c", **{"fail.txt": model.files["cause.txt"]}))


AUDIT = """
import sys
import tracemalloc
from contextlib import suppress
import cardrisk.risk.model, cardrisk.risk.locate, cardrisk.risk.trees, numpy
seen = []
def hook(event, args):
    name = event.split(".")[0]
    if event in ("exec", "compile", "import", "pickle.find_class", "marshal.loads", "os.system", "os.exec", "os.posix_spawn", "os.fork") or name in ("socket", "subprocess", "ctypes"):
        seen.append((event, str(args)[:80]))
sys.addaudithook(hook)
model = cardrisk.risk.locate.load_model(sys.argv[1])
print(seen)
print(sorted(set(sys.modules) & {"lightgbm", "sklearn", "pickle_", "mlflow"}))
"""  # noqa: E501


def test_loading_runs_no_code_and_imports_nothing(trained, tmp_path):
    trained[0].save(tmp_path / "b")
    run = subprocess.run(
        [sys.executable, "-c", AUDIT, str(tmp_path / "b")], capture_output=True, text=True, check=False, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["[]", "[]"]
