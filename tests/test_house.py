"""The house keeps its shape: floors, light imports, small rooms, one list of public names."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cardrisk

ROOT = Path(cardrisk.__file__).parent
FLOORS: list[set[str]] = [
    {"_unread"},
    {"errors", "facts", "_version", "_compiled", "_later", "_ready", "_uncounted"},
    {"kinds"},
    {"tables"},
    {"codes"},
    {"world", "features"},
    {"risk"},
    {"policy"},
    {"scoring"},
    {"evaluation", "pictures"},
    {"registry", "monitor", "report"},
    {"jobs"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
MODULES = sorted(ROOT.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """Rooms of this package that a module imports anywhere, inside functions too."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        else:
            continue
        rooms |= {n.split(".")[1] for n in names if n.startswith("cardrisk.")}
    return rooms - {"__version__"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_only_go_down(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return
    for other in imported_rooms(path) - {room}:
        assert FLOOR[other] < FLOOR[room], f"{room} imports {other}, which is not below it"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_is_one_room(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 450


def test_importing_is_light_and_silent() -> None:
    heavy = ["mlflow", "lightgbm", "sklearn", "matplotlib", "pyspark", "redis", "numba", "pandas", "polars"]
    code = f"import sys, cardrisk; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


ONE_CARD = """
import sys, warnings
warnings.simplefilter("ignore")
import cardrisk
cardrisk.Scorer().score({"submission_id": "a", "submitted_at": "2026-01-05T08:00:00Z", "submitter_id": "u"})
print([m for m in sys.argv[1:] if m in sys.modules])
"""


def test_one_card_is_scored_without_what_tables_need() -> None:
    tables = ["pandas", "pyarrow", "scipy.linalg", "sklearn", "lightgbm", "mlflow", "cardrisk.features.batch"]
    command = [sys.executable, "-c", ONE_CARD, *tables]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


TOGETHER = """
import threading
from cardrisk._later import pd
failed, start = [], threading.Barrier(4)
def touch():
    start.wait()
    try:
        pd.Timestamp("2026-01-05")
    except AttributeError as error:
        failed.append(error)
threads = [threading.Thread(target=touch) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(failed))
"""


def test_threads_may_be_the_first_to_need_a_library_together() -> None:
    done = subprocess.run([sys.executable, "-c", TOGETHER], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_numba_still_finds_linear_algebra() -> None:
    code = """
import numba, numpy as np
import cardrisk.codes
print(numba.njit(lambda a: np.dot(a, a))(np.ones((2, 2)))[0, 0])
print(numba.njit(lambda a: np.correlate(a, a))(np.ones(3))[0])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2.0", "3.0"]


def test_every_public_name_loads_and_is_described() -> None:
    assert sorted(cardrisk.__all__) == cardrisk.__all__
    for name in cardrisk.__all__:
        thing = getattr(cardrisk, name)
        assert name == "__version__" or thing.__doc__, name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'sccore'"):
        cardrisk.sccore  # noqa: B018


def test_facts_stand_in_one_place_with_their_claims() -> None:
    from cardrisk import facts

    for name, value in vars(facts).items():
        if isinstance(value, facts.Fact):
            assert value.unit, name
            assert value.claim, name
