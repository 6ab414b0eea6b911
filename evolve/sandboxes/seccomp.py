"""``sandbox/seccomp.json``, the system calls that a program may make, for engines and for bubblewrap.

An engine takes the profile as it is. bubblewrap takes a compiled filter: libseccomp compiles it, which comes
with apt and systemd.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import os
from functools import cache
from typing import Any

from evolve import resources
from evolve.errors import InfrastructureError

_ALLOW = 0x7FFF0000  # SCMP_ACT_ALLOW and the like, of seccomp.h
_ERRNO = 0x00050000
_COMPARISONS = {"SCMP_CMP_EQ": 4, "SCMP_CMP_MASKED_EQ": 7}
_UNKNOWN = -1


class _Comparison(ctypes.Structure):
    """``struct scmp_arg_cmp``."""

    _fields_ = (
        ("index", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


@cache
def profile() -> str:
    """Return the profile as an engine takes it: JSON, on one line."""
    text = (resources.folder("sandbox") / "seccomp.json").read_text("utf-8")
    return json.dumps(json.loads(text), separators=(",", ":"))


@cache
def bpf() -> bytes:
    """Return the profile as a BPF program for this machine's architecture.

    Raises:
        InfrastructureError: there is no libseccomp, or it does not take the profile.
    """
    library = _library()
    rules = json.loads(profile())
    context = library.seccomp_init(_action(rules["defaultAction"], rules["defaultErrnoRet"]))
    if not context:
        raise InfrastructureError("libseccomp cannot make a filter for this machine")
    try:
        for rule in rules["syscalls"]:
            action = _action(rule["action"], rule.get("errnoRet", rules["defaultErrnoRet"]))
            comparisons = [_comparison(argument) for argument in rule.get("args", ())]
            array = (_Comparison * len(comparisons))(*comparisons)
            for name in rule["names"]:
                number = library.seccomp_syscall_resolve_name(name.encode())
                if number == _UNKNOWN:  # newer than the library, so that it stays denied
                    continue
                _check(library.seccomp_rule_add_array(context, action, number, len(comparisons), array), name)
        return _exported(library, context)
    finally:
        library.seccomp_release(context)


def _library() -> Any:
    name = ctypes.util.find_library("seccomp")
    if name is None:
        raise InfrastructureError("there is no libseccomp (package libseccomp2)")
    library = ctypes.CDLL(name)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    library.seccomp_rule_add_array.argtypes = [
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint),
        ctypes.POINTER(_Comparison),
    ]
    return library


def _action(name: str, error: int) -> int:
    return {"SCMP_ACT_ALLOW": _ALLOW, "SCMP_ACT_ERRNO": _ERRNO | error}[name]


def _comparison(argument: dict[str, Any]) -> _Comparison:
    operator = _COMPARISONS[argument["op"]]
    return _Comparison(argument["index"], operator, argument["value"], argument.get("valueTwo", 0))


def _exported(library: Any, context: int) -> bytes:
    descriptor = os.memfd_create("seccomp")
    try:
        _check(library.seccomp_export_bpf(context, descriptor), "the whole")
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    finally:
        os.close(descriptor)


def _check(status: int, what: str) -> None:
    if status != 0:
        raise InfrastructureError(f"libseccomp refuses the rule for {what}: {os.strerror(-status)}")
