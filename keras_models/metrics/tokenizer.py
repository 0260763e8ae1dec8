"""Penn Treebank tokenisation of captions, as the COCO caption evaluation does it."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterable

from keras_models.metrics import java

_JAR = "tokenizer/stanford-corenlp-3.4.1.jar"
_CLASS = "edu.stanford.nlp.process.PTBTokenizer"
# The tokens that the COCO caption evaluation does not score.
_PUNCTUATION = frozenset(
    "'' ' `` ` -LRB- -RRB- -LCB- -RCB- . ? ! , : - -- ... ;".split()
)
# Everything that Java, Python or the tokenizer takes for the end of a line.
_LINE_BREAK = re.compile("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_CACHED = 1 << 18

_cache: dict[str, str] = {}
_lock = threading.Lock()


def tokenize(sentences: Iterable[str], timeout: float = 600.0) -> list[str]:
    """Returns lower-cased PTB tokens without punctuation, joined by single spaces.

    Every call that meets a new sentence starts one Java process (about half a second),
    so pass all sentences at once; those seen before come from a cache.

    Args:
        sentences: Any strings. Line breaks inside one count as spaces.
        timeout: Seconds that the Java process may take.

    Notes:
        The brackets' tokens `-lrb-` … stay, since the evaluation's list of punctuation
        has them in capitals and its tokenizer lower-cases; published scores count them.
    """
    sentences = list(sentences)
    with _lock:
        new = [text for text in dict.fromkeys(sentences) if text not in _cache]
        tokenized = dict(zip(new, _run(new, timeout), strict=True))
        tokens = [
            _cache[text] if text in _cache else tokenized[text] for text in sentences
        ]
        if len(_cache) + len(tokenized) > _CACHED:
            _cache.clear()
        if len(tokenized) <= _CACHED:
            _cache.update(tokenized)
    return tokens


def _run(sentences: list[str], timeout: float) -> list[str]:
    if not sentences:
        return []
    lines = "".join(_LINE_BREAK.sub(" ", text) + "\n" for text in sentences)
    command = [java.executable(), *java.OPTIONS, "-cp", str(java.jar(_JAR))]
    command += [_CLASS, "-preserveLines", "-lowerCase", "-encoding", "UTF-8"]
    try:
        done = subprocess.run(
            command,
            input=lines.encode(errors="replace"),
            capture_output=True,
            timeout=timeout,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise java.JavaError(
            f"the PTB tokenizer did not finish {len(sentences)} sentences in "
            f"{timeout:g} s; raise the timeout or pass fewer."
        ) from error
    except subprocess.CalledProcessError as error:
        raise java.JavaError(
            f"the PTB tokenizer failed: {last_line(error.stderr)}."
        ) from error
    *output, rest = done.stdout.decode().split("\n")
    if rest or len(output) != len(sentences):
        raise java.JavaError(
            f"the PTB tokenizer returned {len(output)} lines for {len(sentences)} "
            "sentences; report the sentences that make it do so."
        )
    return [
        " ".join(word for word in line.rstrip().split(" ") if word not in _PUNCTUATION)
        for line in output
    ]


def last_line(text: bytes) -> str:
    """Returns the last line that a program printed, for an error message."""
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1].rstrip(".") if lines else "it said nothing"
