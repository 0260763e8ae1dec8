"""METEOR 1.5 (Denkowski and Lavie, 2014) through one Java process."""

from __future__ import annotations

import atexit
import functools
import hashlib
import os
import re
import selectors
import subprocess
import tempfile
import threading
import time
import types
from collections.abc import Sequence, Set
from typing import IO

import numpy as np

from keras_models.metrics import java, paraphrases, tokenizer
from keras_models.metrics.metric import Candidates, Metric, References, TokenReward

STATISTICS = 23  # numbers that METEOR keeps of one caption
_CACHED = 1 << 17
_STARTING = 5  # times the patience, before the first answer
_GROWTHS = 3  # starts for new words, after which the process reads every paraphrase
# Java's best compiler takes longer than it saves in the first 200,000 comparisons.
_COMPILER = (
    "-XX:Tier4InvocationThreshold=100000",
    "-XX:Tier4MinInvocationThreshold=12000",
    "-XX:Tier4CompileThreshold=300000",
    "-XX:Tier4BackEdgeThreshold=1000000",
)
_LINE_BREAK = re.compile(r"[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")

# The parameters of `-l en`, task "rank": Denkowski and Lavie (2014), Table 1.
_ALPHA, _BETA, _GAMMA, _DELTA = 0.85, 0.20, 0.60, 0.75
_MODULES = np.array([1.0, 0.6, 0.8, 0.6])  # exact, stem, synonym, paraphrase


class Meteor(Metric):
    """METEOR of this process' own Java process, which starts with the first caption."""

    name = "METEOR"
    reads_texts = True

    @property
    def token_reward(self) -> TokenReward:
        return self.per_clip

    def statistics(self, candidates: Candidates, references: References) -> np.ndarray:
        return shared().statistics(
            candidates.texts,
            [references.texts[clip] for clip in candidates.clips],
            expected=references.derived(_words),
        )

    def combine(self, statistics: np.ndarray, clips: np.ndarray) -> np.ndarray:
        return score(statistics)


class MeteorProcess:
    """A METEOR process, which ends with this object's `with` block.

    The process starts with the first caption, with the paraphrases of the words that
    it is asked about: new words start it anew. It reads from a pipe: it ends when the
    pipe closes, which the operating system does for a parent that was killed.

    Args:
        timeout: Seconds without any answer after which the process is given up; five
            times as many until the first, while it reads its tables.
        heap: The most memory that Java may use, as its option -Xmx takes it.
    """

    def __init__(self, timeout: float = 120.0, heap: str = "2G"):
        self._timeout = timeout
        self._heap = heap
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._paraphrases: IO[bytes] | None = None
        self._words: set[str] = set()  # those whose paraphrases the process has
        self._growths = 0
        self._answered = False  # whether the process has read its tables
        self._cache: dict[bytes, np.ndarray] = {}

    def __enter__(self) -> MeteorProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self.close()

    def score(
        self, candidates: Sequence[str], references: Sequence[Sequence[str]]
    ) -> np.ndarray:
        """Scores captions against their references: (N,) float64 in [0, 1]."""
        return score(self.statistics(candidates, references))

    def statistics(
        self,
        candidates: Sequence[str],
        references: Sequence[Sequence[str]],
        expected: Set[str] = frozenset(),
    ) -> np.ndarray:
        """Asks METEOR for its counts of each caption: (N, 23) float64, in one exchange.

        The rows of several captions add up to those of their corpus; the module's
        `score` turns a row into a score.

        Args:
            candidates: N tokenised captions.
            references: The references of each caption, one at least.
            expected: Words that later captions will have, as `paraphrases.words` says
                them: the process need not start anew for those.
        """
        lines = [
            _request(candidate, texts)
            for candidate, texts in zip(candidates, references, strict=True)
        ]
        keys = [hashlib.blake2b(line, digest_size=16).digest() for line in lines]
        with self._lock:
            new = dict(zip(keys, lines, strict=True))
            new = {key: line for key, line in new.items() if key not in self._cache}
            self._learn(paraphrases.words(map(bytes.decode, new.values())), expected)
            answers = self._exchange(list(new.values()))
            rows = {
                key: _parse(answer) for key, answer in zip(new, answers, strict=True)
            }
            table = [self._cache[k] if k in self._cache else rows[k] for k in keys]
            if len(self._cache) + len(rows) > _CACHED:
                self._cache.clear()
            self._cache.update(rows)
        return np.array(table).reshape(-1, STATISTICS)

    def close(self) -> None:
        """Ends the process; a later call starts another one."""
        with self._lock:
            self._end()

    # ------------------------------------------------------------ the process

    def _learn(self, words: Set[str], expected: Set[str]) -> None:
        """Ends a process that lacks the paraphrases of some words."""
        if self._growths > _GROWTHS or words <= self._words:
            return
        self._end()
        self._growths += 1
        self._words |= words | expected

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        path = java.jar("meteor/meteor-1.5.jar")
        command = [java.executable(), f"-Xmx{self._heap}", *java.OPTIONS, *_COMPILER]
        command += ["-jar", str(path), "-", "-", "-stdio", "-l", "en", "-norm"]
        if self._growths <= _GROWTHS:
            self._paraphrases = tempfile.NamedTemporaryFile(suffix=".gz")
            table = paraphrases.shared(java.jar("meteor/data/paraphrase-en.gz"))
            table.write(self._words, self._paraphrases.name)
            command += ["-a", self._paraphrases.name]
        self._answered = False
        # A file cannot fill up and block the process as an unread pipe would.
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
        )
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        for file in (self._errors, self._paraphrases):
            if file is not None:
                file.close()
        self._errors = self._paraphrases = None

    def _exchange(self, lines: list[bytes]) -> list[bytes]:
        """Writes all lines and reads as many; a process that ends is restarted once.

        Somebody, or a machine short of memory, may kill Java; no answer is lost by it.
        """
        if not lines:
            return []
        try:
            return self._exchange_once(lines)
        except java.JavaEndedError:
            return self._exchange_once(lines)

    def _exchange_once(self, lines: list[bytes]) -> list[bytes]:
        process = self._start()
        try:
            return self._talk(process, b"".join(lines), len(lines))
        except BaseException:
            self._end()  # half an exchange lies in its pipes
            raise

    def _talk(  # both at once, so that no pipe fills
        self, process: subprocess.Popen[bytes], request: bytes, answers: int
    ) -> list[bytes]:
        assert process.stdin is not None and process.stdout is not None
        unsent = memoryview(request)
        received = bytearray()
        count = 0
        last_answer = time.monotonic()
        patience = self._timeout * (1 if self._answered else _STARTING)
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            selector.register(process.stdin, selectors.EVENT_WRITE)
            while count < answers:
                left = last_answer + patience - time.monotonic()
                ready = {key.fileobj for key, _ in selector.select(max(left, 0))}
                if process.stdout in ready:
                    chunk = process.stdout.read(1 << 16)
                    if not chunk:
                        said = self._last_error()
                        raise java.JavaEndedError(f"METEOR ended: {said}.")
                    received += chunk
                    count += chunk.count(b"\n")
                    last_answer = time.monotonic()
                    self._answered, patience = True, self._timeout
                elif left <= 0:
                    raise java.JavaError(
                        f"METEOR gave no answer in {patience:g} s "
                        f"({count} of {answers} captions are scored); raise its "
                        "timeout."
                    )
                if process.stdin in ready:
                    try:
                        unsent = unsent[os.write(process.stdin.fileno(), unsent) :]
                    except BrokenPipeError as error:
                        process.wait(self._timeout)
                        raise java.JavaEndedError(
                            f"METEOR ended: {self._last_error()}."
                        ) from error
                    if not unsent:
                        selector.unregister(process.stdin)
        return bytes(received).splitlines()

    def _last_error(self) -> str:
        assert self._errors is not None
        self._errors.seek(0)
        return tokenizer.last_line(self._errors.read())


def score(statistics: np.ndarray) -> np.ndarray:
    """Returns the METEOR of (…, 23) statistics of one caption or of a corpus' sums.

    Denkowski and Lavie (2014), Eq. 1–5. Content words weigh δ, function words 1 − δ;
    P and R are the weighted matches of caption and reference, F their α-weighted
    harmonic mean, reduced by γ · (chunks / matches)^β.
    """
    lengths = statistics[..., 0:4]  # caption, reference; their function words
    matches = statistics[..., 4:20].reshape(*statistics.shape[:-1], 4, 4)
    chunks, test_matches, reference_matches = np.moveaxis(statistics[..., 20:23], -1, 0)
    content = np.einsum("...mk,m->...k", matches[..., 0:2], _MODULES)
    function = np.einsum("...mk,m->...k", matches[..., 2:4], _MODULES)
    matched = _DELTA * content + (1 - _DELTA) * function  # (…, 2) caption, reference
    length = (
        _DELTA * (lengths[..., 0:2] - lengths[..., 2:4])
        + (1 - _DELTA) * lengths[..., 2:4]
    )
    share = np.divide(matched, length, out=np.zeros_like(matched), where=length > 0)
    precision, recall = share[..., 0], share[..., 1]
    matched_both = (precision > 0) & (recall > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = 1.0 / ((1.0 - _ALPHA) / precision + _ALPHA / recall)
        fragmentation = chunks / ((test_matches + reference_matches) / 2)
    value = mean * (1.0 - _GAMMA * fragmentation**_BETA)
    return np.where(matched_both, value, 0.0)


def shared() -> MeteorProcess:
    """Returns this process' own METEOR, which is started at first use."""
    return _shared(os.getpid())  # a forked child gets one of its own


@functools.cache
def _shared(owner: int) -> MeteorProcess:
    meteor = MeteorProcess()

    def close() -> None:
        if os.getpid() == owner:
            meteor.close()

    atexit.register(close)
    return meteor


def _words(references: References) -> Set[str]:
    return paraphrases.words(text for texts in references.texts for text in texts)


def _request(candidate: str, references: Sequence[str]) -> bytes:
    if not references:
        raise ValueError("METEOR needs one reference at least; received none")
    distinct = dict.fromkeys(map(_clean, references))  # the best one's counts are taken
    fields = " ||| ".join([*distinct, _clean(candidate)])
    return f"SCORE ||| {fields}\n".encode(errors="replace")


def _clean(text: str) -> str:
    """Keeps a caption on its line and in its field."""
    return _LINE_BREAK.sub(" ", text.replace("|||", "")).replace("  ", " ")


def _parse(answer: bytes) -> np.ndarray:
    row = np.array(answer.split(), np.float64)
    if row.shape != (STATISTICS,):
        raise java.JavaError(f"METEOR answered {answer.decode(errors='replace')!r}.")
    lengths, (chunks, *matches) = row[:2], row[20:]
    if chunks == 1 and np.array_equal(lengths, matches):
        row[20] = 0.0  # METEOR sees no fragmentation in a caption that matches whole
    return row
