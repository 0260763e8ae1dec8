from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from serving.server.batching import Batcher
from serving.server.config import BatchingConfig


@pytest.fixture
def make_batcher():
    made = []

    def make(run, **settings) -> Batcher:
        made.append(Batcher(run, BatchingConfig(**settings)))
        return made[-1]

    yield make
    for batcher in made:
        batcher.close()


class Doubler:
    """Notes the rows of each run; fails where any value is negative."""

    def __init__(self):
        self.rows = []
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Event()

    def __call__(self, inputs):
        self.rows.append(len(inputs["x"]))
        self.started.set()
        assert self.gate.wait(10)
        if (inputs["x"] < 0).any():
            raise ValueError("negative")
        return {"y": 2 * inputs["x"]}


def test_requests_that_gather_behind_a_run_share_the_next(make_batcher):
    run = Doubler()
    batcher = make_batcher(run, max_rows=8, max_wait_seconds=0)
    run.gate.clear()
    answers = [batcher.submit({"x": np.array([0.0])})]
    assert run.started.wait(10)
    answers += [batcher.submit({"x": np.array([float(i)])}) for i in range(1, 7)]
    run.gate.set()
    assert [a.result(10)["y"].tolist() for a in answers] == [
        [2.0 * i] for i in range(7)
    ]
    assert run.rows == [1, 6]


def test_batches_keep_to_the_limit_of_rows_and_requests_stay_whole(make_batcher):
    run = Doubler()
    batcher = make_batcher(run, max_rows=4, max_wait_seconds=0)
    run.gate.clear()
    first = batcher.submit({"x": np.zeros(1)})
    assert run.started.wait(10)
    answers = [batcher.submit({"x": np.full(n, float(n))}) for n in (3, 2, 2, 9, 1)]
    run.gate.set()
    assert first.result(10)["y"].tolist() == [0]
    assert [a.result(10)["y"].tolist() for a in answers] == [
        [6.0] * 3,
        [4.0] * 2,
        [4.0] * 2,
        [18.0] * 9,
        [2.0],
    ]
    assert run.rows == [1, 3, 4, 9, 1]


def test_a_full_batch_does_not_wait(make_batcher):
    batcher = make_batcher(Doubler(), max_rows=2, max_wait_seconds=30)
    begun = time.monotonic()
    answers = [batcher.submit({"x": np.ones(1)}) for _ in range(2)]
    assert [a.result(10)["y"][0] for a in answers] == [2, 2]
    assert time.monotonic() - begun < 10


def test_a_lonely_request_waits_no_longer_than_said(make_batcher):
    run = Doubler()
    batcher = make_batcher(run, max_rows=2, max_wait_seconds=0.05)
    begun = time.monotonic()
    batcher.submit({"x": np.ones(1)}).result(10)
    assert 0.05 <= time.monotonic() - begun < 5
    assert run.rows == [1]


def test_one_bad_request_does_not_fail_its_batch(make_batcher):
    run = Doubler()
    batcher = make_batcher(run, max_rows=3, max_wait_seconds=30)
    good, bad, also_good = (batcher.submit({"x": np.array([x])}) for x in (1, -1, 3))
    assert good.result(10)["y"] == [2]
    assert also_good.result(10)["y"] == [6]
    with pytest.raises(ValueError, match="negative"):
        bad.result(10)
    assert run.rows == [3, 1, 1, 1]


def test_a_cancelled_request_is_not_run(make_batcher):
    run = Doubler()
    batcher = make_batcher(run, max_rows=8, max_wait_seconds=0)
    run.gate.clear()
    first = batcher.submit({"x": np.zeros(1)})
    assert run.started.wait(10)
    cancelled, kept = (batcher.submit({"x": np.ones(1)}) for _ in range(2))
    assert cancelled.cancel()
    run.gate.set()
    assert kept.result(10)["y"] == [2] and first.result(10)
    assert run.rows == [1, 1]


def test_closing_answers_what_waits_and_takes_no_more():
    batcher = Batcher(Doubler(), BatchingConfig(max_rows=9, max_wait_seconds=30))
    answers = [batcher.submit({"x": np.ones(1)}) for _ in range(3)]
    batcher.close()
    assert all(answer.result(0)["y"] == [2] for answer in answers)
    with pytest.raises(RuntimeError, match="closed"):
        batcher.submit({"x": np.ones(1)})
