from __future__ import annotations

import threading
import time
from concurrent import futures

import numpy as np
import pytest

from serving.server.batching import Answer, Batcher
from serving.server.config import BatchingConfig
from serving.server.refusals import Code, RefusalError


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


def y(answer: futures.Future[Answer]) -> np.ndarray:
    return answer.result(10).outputs["y"]


def test_requests_that_gather_behind_a_run_share_the_next(make_batcher):
    run = Doubler()
    batcher = make_batcher(run, max_rows=8, max_wait_seconds=0)
    run.gate.clear()
    answers = [batcher.submit({"x": np.array([0.0])})]
    assert run.started.wait(10)
    answers += [batcher.submit({"x": np.array([float(i)])}) for i in range(1, 7)]
    run.gate.set()
    assert [y(a).tolist() for a in answers] == [[2.0 * i] for i in range(7)]
    assert run.rows == [1, 6]


def test_batches_keep_to_the_limit_and_small_requests_stay_whole(make_batcher):
    run = Doubler()
    batcher = make_batcher(run, max_rows=4, max_wait_seconds=0)
    run.gate.clear()
    first = batcher.submit({"x": np.zeros(1)})
    assert run.started.wait(10)
    answers = [batcher.submit({"x": np.full(n, float(n))}) for n in (3, 2, 2, 1)]
    run.gate.set()
    assert y(first).tolist() == [0]
    assert [y(a).tolist() for a in answers] == [[6.0] * 3, [4.0] * 2, [4.0] * 2, [2.0]]
    assert run.rows == [1, 3, 4, 1]


def test_large_requests_run_in_pieces_in_turn_with_the_others(make_batcher):
    run = Doubler()
    batcher = make_batcher(run, max_rows=4, max_wait_seconds=0)
    run.gate.clear()
    first = batcher.submit({"x": np.zeros(1)})
    assert run.started.wait(10)
    large = [batcher.submit({"x": np.arange(n)}) for n in (9, 6)]
    small = [batcher.submit({"x": np.full(n, 50)}) for n in (1, 4)]
    run.gate.set()
    assert y(first).tolist() == [0]
    assert [y(a).tolist() for a in large] == [[2 * i for i in range(n)] for n in (9, 6)]
    assert [y(a).tolist() for a in small] == [[100], [100] * 4]
    # The small ones take turns with pieces: of the first, of the second, of the first …
    assert run.rows == [1, 4, 1, 4, 4, 4, 2, 1]


def test_what_is_left_of_a_cancelled_request_is_not_run(make_batcher):
    run = Doubler()
    batcher = make_batcher(run, max_rows=2, max_wait_seconds=0)
    run.gate.clear()
    large = batcher.submit({"x": np.ones(100)})
    assert run.started.wait(10)
    assert large.cancel()
    run.gate.set()
    assert y(batcher.submit({"x": np.ones(1)})).tolist() == [2]
    assert run.rows == [2, 1]


def test_a_late_request_is_not_run(make_batcher):
    run = Doubler()
    batcher = make_batcher(run, max_rows=8, max_wait_seconds=0)
    run.gate.clear()
    first = batcher.submit({"x": np.zeros(1)})
    assert run.started.wait(10)
    late = batcher.submit({"x": np.ones(1)}, deadline=time.monotonic())
    kept = batcher.submit({"x": np.ones(1)}, deadline=time.monotonic() + 60)
    run.gate.set()
    assert y(kept) == [2] and y(first) == [0]
    with pytest.raises(futures.TimeoutError):
        late.result(10)
    assert run.rows == [1, 1]


def test_a_full_queue_refuses(make_batcher):
    run = Doubler()
    batcher = make_batcher(run, max_rows=4, max_wait_seconds=0, max_waiting_rows=9)
    run.gate.clear()
    answers = [batcher.submit({"x": np.zeros(1)})]
    assert run.started.wait(10)
    answers.append(batcher.submit({"x": np.zeros(8)}))
    with pytest.raises(RefusalError, match="9 rows are waiting") as caught:
        batcher.submit({"x": np.zeros(2)})
    assert caught.value.code is Code.RESOURCE_EXHAUSTED
    answers.append(batcher.submit({"x": np.zeros(1)}))
    assert batcher.waiting_rows == 9
    run.gate.set()
    assert [len(y(answer)) for answer in answers] == [1, 8, 1]
    assert batcher.waiting_rows == 0


def test_a_failing_piece_fails_its_request_alone(make_batcher):
    run = Doubler()
    batcher = make_batcher(run, max_rows=2, max_wait_seconds=0)
    bad = batcher.submit({"x": np.array([1, 1, -1, 1, 1, 1, 1])})
    good = batcher.submit({"x": np.ones(4)})
    assert y(good).tolist() == [2] * 4
    with pytest.raises(ValueError, match="negative"):
        bad.result(10)
    assert len(run.rows) == 4  # what would come after the failure is not run


def test_closing_leaves_a_run_behind_that_does_not_end():
    run = Doubler()
    run.gate.clear()
    batcher = Batcher(run, BatchingConfig())
    batcher.submit({"x": np.ones(1)})
    assert run.started.wait(10)
    assert batcher.running_seconds > 0
    assert not batcher.close(timeout=0.05)
    run.gate.set()
    assert batcher.close(timeout=10)


def test_answers_say_how_long_they_waited_and_ran(make_batcher):
    run = Doubler()
    batcher = make_batcher(run, max_rows=1, max_wait_seconds=0)
    run.gate.clear()
    first, second = (batcher.submit({"x": np.ones(1)}) for _ in range(2))
    assert run.started.wait(10)
    time.sleep(0.05)
    run.gate.set()
    assert first.result(10).run_seconds >= 0.05
    assert second.result(10).queue_seconds >= 0.05 > second.result(10).run_seconds


def test_a_full_batch_does_not_wait(make_batcher):
    batcher = make_batcher(Doubler(), max_rows=2, max_wait_seconds=30)
    begun = time.monotonic()
    answers = [batcher.submit({"x": np.ones(1)}) for _ in range(2)]
    assert [y(a)[0] for a in answers] == [2, 2]
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
    assert y(good) == [2]
    assert y(also_good) == [6]
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
    assert y(kept) == [2] and first.result(10)
    assert run.rows == [1, 1]


def test_closing_answers_what_waits_and_takes_no_more():
    batcher = Batcher(Doubler(), BatchingConfig(max_rows=9, max_wait_seconds=30))
    answers = [batcher.submit({"x": np.ones(1)}) for _ in range(3)]
    batcher.close()
    assert all(answer.result(0).outputs["y"] == [2] for answer in answers)
    with pytest.raises(RuntimeError, match="closed"):
        batcher.submit({"x": np.ones(1)})
