"""Says in a sentence what an operating system, TensorFlow or Arrow could not do."""

from __future__ import annotations

import builtins
import errno
import os
import re
from collections.abc import Iterator, Mapping

from transform.common.errors import KinescribeError

# What a person can do about an error of the operating system.
_REMEDIES: Mapping[int, str] = {
    errno.ENOSPC: "free some space there, or choose another place",
    errno.EDQUOT: "free some space there, or choose another place",
    errno.EROFS: "choose a place that can be written",
    errno.EACCES: "ask for the right to it, or name another place",
    errno.EPERM: "ask for the right to it, or name another place",
    errno.ENOTDIR: "a file stands where a folder is wanted; choose another name",
    errno.EISDIR: "a folder stands where a file is wanted; choose another name",
    errno.EEXIST: "choose another name",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "a link leads back to itself; remove it",
    errno.EMFILE: "allow more open files by `ulimit -n`",
    errno.ENOMEM: "free some memory",
}
_BY_WORDS = {os.strerror(number): number for number in errno.errorcode}
_STEP = re.compile(r"\s*\[while running '.*", re.DOTALL)  # which Beam adds

_OUTSIDE = (OSError, MemoryError, UnicodeError)

# TensorFlow's codes, where its text has none of the operating system's words. Of the
# others it says more itself: what is exhausted, which condition does not hold.
_CODES: Mapping[int, int] = {5: errno.ENOENT, 7: errno.EACCES}
_NO_FOLDER = " is not a directory"  # as TensorFlow has it


class OutputError(KinescribeError, OSError):
    """Raised where results cannot be written; the message says where and why."""


def is_outside(error: BaseException) -> bool:
    """Returns whether an error is about what lies outside of the program.

    That is a file, a disk, memory or a name, as against a mistake in the code.
    """
    return (
        isinstance(error, _OUTSIDE)
        or _is_name_refused(error)
        or _tensorflow_code(error) is not None
        or _package(error) in ("pyarrow", "ml_metadata")
    )


def reason(error: BaseException) -> str:
    """Returns in a few words what went wrong, with what can be done about it.

    No file is named: see `place`.
    """
    if isinstance(error, KinescribeError):
        return getattr(error, "reason", str(error).removesuffix("."))
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    if isinstance(error, UnicodeEncodeError) and isinstance(error.object, str):
        return f"the name {error.object!r} is not UTF-8; rename it"
    if _is_name_refused(error):
        return "TensorFlow opens no file whose name is not UTF-8; rename it"
    number = _number(error)
    if isinstance(error, OSError) and error.strerror and "temporary" in error.strerror:
        return f"{error.strerror}; let TMPDIR name a folder that can be written"
    if number is None:
        words = _first_words(error)
        if "not implemented" in words:
            return (
                "no such file system is installed here; tensorflow-io brings s3:// "
                "and others"
            )
        if "libcurl" in words:  # with which gs:// is asked
            return f"{words}; look at the network and at the credentials"
        return words
    remedy = _REMEDIES.get(number)
    return os.strerror(number) + (f" ({remedy})" if remedy else "")


def place(error: BaseException) -> str:
    """Returns the file that an error is about, or '' if it does not say."""
    names = (getattr(error, "filename", None), getattr(error, "filename2", None))
    for name in names:
        if isinstance(name, str | bytes):
            return os.fsdecode(name)
    text, _, words = _text(error).rpartition("; ")
    if words in _BY_WORDS:
        return text
    folder, found, _ = _text(error).partition(_NO_FOLDER)
    return folder if found else ""


def sentence(error: BaseException) -> str:
    """Returns one sentence: the file, if it is known, and the reason."""
    if isinstance(error, KinescribeError):
        return str(error)
    where = place(error)
    return f"{where}: {reason(error)}." if where else f"{reason(error)}."


def explanation(error: BaseException) -> str | None:
    """Returns one sentence for an error; None if it is a mistake in the code.

    A sentence of ours in the chain of causes is the best, then an error from outside.
    Beam's workers send theirs as the text of a trace, of which the last line counts.
    """
    causes = list(chain(error))
    for cause in causes:
        if isinstance(cause, KinescribeError):
            return str(cause)
    for cause in causes:
        if is_outside(cause):
            return sentence(cause)
    text = _STEP.sub("", str(error)).strip()
    return _of_trace(text) if text.startswith("Traceback (most recent call") else None


def _of_trace(text: str) -> str | None:
    """Returns the sentence of the error whose trace another process wrote."""
    name, _, words = text.rpartition("\n")[2].partition(": ")
    kind = getattr(builtins, name, None)
    outside = isinstance(kind, type) and issubclass(kind, _OUTSIDE)
    if not (outside or name.startswith(("tensorflow.", "pyarrow.", "transform."))):
        return None
    place, _, reason_given = words.rpartition("; ")
    if reason_given in _BY_WORDS:
        return sentence(OSError(_BY_WORDS[reason_given], reason_given, place))
    return f"{words.removesuffix('.')}."


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yields an error, what caused it, what caused that, and so on."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _is_name_refused(error: BaseException) -> bool:
    """Returns whether TensorFlow's own code got a name with bytes that are no text."""
    return (
        isinstance(error, TypeError)
        and "incompatible" in str(error)
        and "\\udc" in ascii(str(error))
    )


def _number(error: BaseException) -> int | None:
    """Returns the operating system's number of an error, if it can be told."""
    if isinstance(error, OSError) and error.errno in errno.errorcode:
        return error.errno
    words = _text(error).rpartition("; ")[2]
    if words in _BY_WORDS:
        return _BY_WORDS[words]
    if words.endswith(_NO_FOLDER):
        return errno.ENOTDIR
    return _CODES.get(_tensorflow_code(error) or 0)


def _tensorflow_code(error: BaseException) -> int | None:
    if _package(error) != "tensorflow":
        return None
    code = getattr(error, "error_code", None)
    return code if isinstance(code, int) else None


def _package(error: BaseException) -> str:
    """Returns the package that defines an error, without importing it."""
    return type(error).__module__.partition(".")[0]


def _text(error: BaseException) -> str:
    return _STEP.sub("", str(getattr(error, "message", "") or error)).strip()


def _first_words(error: BaseException) -> str:
    lines = [line.strip() for line in _text(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).removesuffix(".")
