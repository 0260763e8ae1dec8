"""Lets a process read settings without TensorFlow, whose import takes seconds.

A configuration stands beside the layer that it builds, so that to import the one is to
import the other. Settings need of TensorFlow what a class statement does: names to
inherit from, to decorate with and to annotate by. `install` has a stand-in answer for
those, for the whole life of the process: one that only reads, as that of `kinescribe
check`, and ends. A layer can be made of the stand-in too, which is what its checks of
shapes need; whoever asks it for a value gets a `NeedsTensorFlowError`.
"""

from __future__ import annotations

import abc
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Sequence
from typing import Any, NoReturn

_ABSENT = frozenset({"tensorflow", "tensorflow_addons", "tensorflow_io", "keras_nlp"})


class NeedsTensorFlowError(RuntimeError):
    """Raised where a stand-in is asked for a value that TensorFlow would compute."""


def install() -> None:
    """Answers every later import of TensorFlow, and of what builds on it.

    Raises:
        RuntimeError: TensorFlow is imported already.
    """
    if loaded := _ABSENT & sys.modules.keys():
        raise RuntimeError(f"{', '.join(sorted(loaded))} is imported already")
    sys.meta_path.insert(0, _Importer())


class _Name(abc.ABCMeta):
    """The type of a stand-in class, whose attributes are stand-in classes."""

    def __getattr__(cls, name: str) -> Any:
        return _stand_in(cls.__name__, name)


class _StandIn(metaclass=_Name):
    """A class, a decorator, or what either returns."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        """Takes what any constructor may."""

    def __getattr__(self, name: str) -> Any:
        return _stand_in(type(self).__name__, name)

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        if len(arguments) == 1 and not settings and callable(arguments[0]):
            return arguments[0]  # a decorator
        return _StandIn()

    def _refuse(self, *operands: Any) -> NoReturn:
        raise NeedsTensorFlowError(f"a value of {type(self).__name__} is asked for")

    __bool__ = __len__ = __iter__ = __int__ = __float__ = __index__ = _refuse
    __enter__ = __fspath__ = _refuse


class _Module(types.ModuleType):
    """A module with every name."""

    def __getattr__(self, name: str) -> Any:
        found = _stand_in(self.__name__, name)
        setattr(self, name, found)
        return found


class _Importer(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules that are answered for."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """Returns the place of a module of TensorFlow's, None for any other."""
        if fullname.partition(".")[0] not in _ABSENT:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """Returns the stand-in of a module."""
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Does nothing: a stand-in has no code to run."""


def _stand_in(owner: str, name: str) -> _Name:
    if name.startswith("__"):
        raise AttributeError(name)
    return _Name(f"{owner}.{name}", (_StandIn,), {})
