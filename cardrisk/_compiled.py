"""The one typed door to numba: compiled functions are cached on disk and keep their Python types.

``compiled`` is strict IEEE arithmetic (no fast-math): the same inputs give the same bits on every road. Numba's
disk cache notices a change of a function's own file only; here it notices a change anywhere in the rooms that the
file belongs to or imports from, so that no process runs machine code of an older constant or callee.
"""

import hashlib
import os
import re
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba.core import caching, types
from numba.core.runtime import rtsys  # type: ignore[attr-defined]
from numba.extending import intrinsic
from numpy.typing import NDArray

from cardrisk._unread import rebuild

_QUICK: Final = ((0, 68),)
"""Versions of numba whose cached machine code is known to load without what only compiling needs."""


def _quickly_loaded(disk: Any) -> None:
    """Let a function's disk cache load machine code without preparing numba to compile.

    Numba prepares before it looks whether there is anything to compile, which takes longer than loading all that one
    card needs. Where nothing is found, or the version is another, everything happens as ever.
    """
    ordinary = disk.load_overload
    if numba.version_info.short in _QUICK:
        disk._impl.rebuild = rebuild

    def load(signature: Any, target: Any) -> Any:
        _spare_linear_algebra()  # cached code names the modules it was made in, and they are imported
        if numba.version_info.short in _QUICK:
            rtsys.initialize(target)  # arrays made by compiled code are counted there
            with disk._guard_against_spurious_io_errors():
                found = disk._load_overload(signature, target)
            if found is not None:
                return found
        return ordinary(signature, target)

    disk.load_overload = load


def _spare_linear_algebra() -> None:
    """Let numba's array functions load without SciPy's linear algebra: a quarter of a second that no kernel here needs.

    On loading, numba asks whether SciPy is there by importing all of ``scipy.linalg``; here it hears so from the
    import system instead. Compiling a function that does use linear algebra imports it as ever.
    """
    if "numba.np.arraymath" in sys.modules:
        return
    linalg: Any = import_module("numba.np.linalg")
    ask = getattr(linalg, "ensure_blas", None)
    if ask is None:
        return
    linalg.ensure_blas = _ensure_scipy_is_there
    try:
        import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = ask


def _ensure_scipy_is_there() -> None:
    if find_spec("scipy.linalg") is None:
        raise ImportError("SciPy is needed for linear algebra")


def _ask_each_folder_once() -> None:
    """Let numba try once per folder whether its cache may be written there, and not once per function."""
    locator: Any = getattr(caching, "_CacheLocator", None)
    ask = getattr(locator, "ensure_cache_path", None)
    if ask is None or numba.version_info.short not in _QUICK:
        return
    writable: set[str] = set()

    def ensure(self: Any) -> None:
        path = self.get_cache_path()
        if path not in writable or not os.path.isdir(path):
            ask(self)
            writable.add(path)

    locator.ensure_cache_path = ensure


_ask_each_folder_once()

carray: Any = numba.carray  # type: ignore[attr-defined]
F = TypeVar("F", bound=Callable[..., Any])

_ROOT: Final = Path(__file__).resolve().parent
_IMPORTED: Final = re.compile(rb"^\s*from cardrisk\.(\w+)", re.MULTILINE)


def compiled(function: F) -> F:
    """Compile ``function`` with numba on first call, releasing the GIL and caching machine code on disk.

    Parameters
    ----------
    function
        A function over NumPy arrays and scalars that numba's nopython mode accepts.

    Returns
    -------
    callable
        The compiled dispatcher, typed like ``function``.
    """
    made = numba.njit(cache=True, nogil=True, fastmath=False)(function)
    disk: Any = getattr(made, "_cache", None)
    file = getattr(disk, "_cache_file", None)
    if file is not None:  # absent where numba compiles nothing, as under NUMBA_DISABLE_JIT
        file._source_stamp = (file._source_stamp, _stamp(_source_of(function)))
        _quickly_loaded(disk)
    return cast(F, made)


def _source_of(function: Callable[..., Any]) -> Path:
    return Path(sys.modules[function.__module__].__file__ or __file__)


@cache
def _stamp(source: Path) -> str:
    """Digest of every file in the rooms that ``source`` belongs to or imports from."""
    own = source.resolve()
    rooms = {name.decode() for name in _IMPORTED.findall(own.read_bytes())}
    if own.is_relative_to(_ROOT):
        rooms.add(own.relative_to(_ROOT).parts[0].removesuffix(".py"))
    return hashlib.sha256("".join(_room(room) for room in sorted(rooms)).encode()).hexdigest()


@cache
def _room(name: str) -> str:
    files = sorted((_ROOT / name).rglob("*.py")) or [_ROOT / f"{name}.py"]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files if file.exists())).hexdigest()


def pointer_to(kind: Any) -> Any:
    """Return a function for compiled code: the pointer to numbers of a kind that an address stands for."""

    @intrinsic
    def pointer(context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.int64), generate  # type: ignore[no-untyped-call]

    return pointer


def _fetched(context: Any, address: Any) -> Any:
    """Ask the processor for the cache line at an address that is read soon; no harm is done where there is none."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())
        how = [ir.Constant(ir.IntType(32), each) for each in (0, 3, 1)]  # to read, to stay close, no instructions
        kind = ir.FunctionType(ir.VoidType(), [place.type, *(each.type for each in how)])
        builder.call(builder.module.declare_intrinsic("llvm.prefetch", (place.type,), kind), [place, *how])
        return context.get_dummy_value()

    return types.void(types.int64), generate


fetch: Any = intrinsic(_fetched)
"""`_fetched` as compiled code calls it, without the context."""

_whole = pointer_to(types.int64)
_short = pointer_to(types.uint32)


@compiled
def whole_table_at(address: int, rows: int, width: int) -> NDArray[np.int64]:
    """Return the int64 array (rows, width) at an address; for compiled code alone, and its owner must be alive.

    Handing one array of addresses over costs a call 0.3 microseconds, handing over thirty arrays 4.
    """
    found: NDArray[np.int64] = carray(_whole(address), (rows, width))
    return found


@compiled
def whole_vector_at(address: int, size: int) -> NDArray[np.int64]:
    """Return the int64 array (size,) at an address; as :func:`whole_table_at`."""
    found: NDArray[np.int64] = carray(_whole(address), size)
    return found


@compiled
def short_table_at(address: int, rows: int, width: int) -> NDArray[np.uint32]:
    """Return the uint32 array (rows, width) at an address; as :func:`whole_table_at`."""
    found: NDArray[np.uint32] = carray(_short(address), (rows, width))
    return found
