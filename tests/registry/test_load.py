"""From the registry to a model: files are fetched, verified and read; nothing among them runs."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from cardrisk.errors import BundleError, ModelError
from cardrisk.registry import track, using
from cardrisk.registry.aliases import fetch
from cardrisk.risk import load_model

WATCH = """
import json, sys
import mlflow.artifacts, mlflow.store.artifact.artifact_repository_registry
from cardrisk.risk import load_model
store, reference, place = sys.argv[1:]
mlflow.set_tracking_uri(store)
seen, files = set(), set()
BAD = ("pickle.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect",
       "socket.bind", "socket.getaddrinfo", "socket.sendto")
on = [True]
def hook(event, args):
    if not on[0]:
        return
    if event.startswith(BAD):
        seen.add((event, str(args[:1])[:200]))
    elif event == "ctypes.dlopen":
        files.add(str(args[0]))
    elif event == "exec":
        files.add(args[0].co_filename)
    elif event == "compile":
        files.add(str(args[1]))
sys.addaudithook(hook)
model = load_model(reference)
on[0] = False
foreign = sorted(f for f in files if not f.startswith((sys.prefix, sys.base_prefix, "<", place)))
print(json.dumps({"version": model.version, "seen": sorted(seen), "foreign": foreign}))
"""


@pytest.fixture(scope="module")
def trap(tracked, store, folder, good):
    """A registered model whose code file, and a pickle beside it, would leave a mark if they ran."""
    made = track(good, register="trap", alias="champion", store=store)
    place = folder / "mlartifacts" / "models" / made.model_uri.removeprefix("models:/") / "artifacts"
    mark = folder / "it ran"
    code = f"open({str(mark)!r}, 'w').close()\n"
    (place / "pyfunc.py").write_text(code + (place / "pyfunc.py").read_text())
    (place / "python_model.pkl").write_bytes(b"cbuiltins\nexec\n(S'" + code.strip().encode() + b"'\ntR.")
    (place / "sitecustomize.py").write_text(code)
    yield made
    assert not mark.exists()


def test_loading_runs_nothing_and_calls_nobody(trap, store, good, folder):
    import cardrisk

    root = os.path.dirname(os.path.dirname(cardrisk.__file__))
    silent = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "MLFLOW"))}
    done = subprocess.run(
        [sys.executable, "-c", WATCH, store, "models:/trap@champion", os.path.join(root, "cardrisk")],
        capture_output=True, text=True, check=True, cwd=root, env=silent | {"MLFLOW_DISABLE_TELEMETRY": "true"},
    )  # fmt: skip
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {"version": good.version, "seen": [], "foreign": []}


def test_every_reference_gives_the_same_model(tracked, store, good):
    with using(store):
        for reference in ("models:/market@challenger", "models:/market/2", tracked[1].model_uri):
            assert load_model(reference).version == good.version


def test_a_changed_bundle_is_refused(tracked, store, folder, weak):
    made = track(weak, register="changed", store=store)
    bundle = folder / "mlartifacts" / "models" / made.model_uri.removeprefix("models:/") / "artifacts/artifacts/bundle"
    content = bytearray((bundle / "fail.txt").read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / "fail.txt").write_bytes(content)
    with using(store), pytest.raises(BundleError, match="is not the file that was saved"):
        load_model("models:/changed/1")


def test_another_whole_bundle_put_in_its_place_is_refused(tracked, store, folder, weak, good):
    made = track(weak, register="swapped", store=store)
    bundle = folder / "mlartifacts" / "models" / made.model_uri.removeprefix("models:/") / "artifacts/artifacts/bundle"
    shutil.rmtree(bundle)
    good.save(bundle)
    with using(store) as client, pytest.raises(BundleError, match=f"registered with model {weak.version}"):
        fetch(client, "swapped", "1")


def test_a_signed_model_loads_with_its_key_alone(tracked, store, weak):
    key = bytes(range(40, 60))
    track(weak, register="signed", store=store, signing_key=key)
    with using(store) as client:
        assert fetch(client, "signed", "1", key).version == weak.version
        with pytest.raises(BundleError, match="not signed with the given key"):
            fetch(client, "signed", "1", bytes(range(20)))
        with pytest.raises(BundleError, match="unsigned"):
            fetch(client, "market", "1", key)


def test_a_version_that_is_not_there_is_named(tracked, store):
    with using(store) as client, pytest.raises(ModelError, match="expected version 99 of 'market'"):
        fetch(client, "market", "99")
