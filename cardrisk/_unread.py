"""Machine code loaded from disk without the code that only compiling needs.

Beside the machine code of a function, numba's cache holds its bitcode, for functions compiled later that call it. To
parse that and to list its symbols takes several times as long as loading the machine code, and a process whose
functions all come from the cache needs neither: here both wait until somebody compiles.

Correct when a function loaded so is the same machine code as ever, and one compiled later that calls it is too.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import binding
from numba.core import compiler
from numba.core.codegen import JITCodeLibrary

_Result: Any = compiler.CompileResult


class _Unread(JITCodeLibrary):
    """Loaded code whose bitcode nobody has parsed yet."""

    _bitcode: bytes

    def _get_module_for_linking(self) -> Any:
        if self._shared_module is None:
            self._shared_module = binding.parse_bitcode(self._bitcode)
            engine: Any = self._codegen._engine
            engine._load_defined_symbols(self._shared_module)
        return self._shared_module

    def get_pointer_to_function(self, name: str) -> Any:
        """Return where a function lies, 0 where there is none."""
        engine: Any = self._codegen._engine
        if not engine.is_symbol_defined(name):
            self._get_module_for_linking()
        return super().get_pointer_to_function(name)  # type: ignore[no-untyped-call]


def rebuild(target: Any, payload: Sequence[Any]) -> Any:
    """Make what was cached ready, as ``numba.core.caching.CompileResultCacheImpl.rebuild`` does, the bitcode unread."""
    (name, kind, code), described, *rest = payload
    if kind != "object":
        return _Result._rebuild(target, *payload)
    machine_code, bitcode = code
    # what a call of the function asks for; other symbols are listed when the bitcode is read
    target.codegen()._engine._defined_symbols.add(described.llvm_cpython_wrapper_name)
    nothing = binding.parse_assembly("").as_bitcode()
    found = _Result._rebuild(target, (name, kind, (machine_code, nothing)), described, *rest)
    library: Any = found.library
    library.__class__, library._bitcode, library._shared_module = _Unread, bitcode, None
    return found
