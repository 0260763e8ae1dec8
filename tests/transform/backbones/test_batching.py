import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import clips, corpus
from transform.backbones import batching, loading
from transform.backbones.batching import ClipBatcher
from transform.extractors.clip_extractor import Extractor


class Doubling:
    """Remembers what it was given."""

    def __init__(self):
        self.batches = []

    def __call__(self, values):
        self.batches.append(values.copy())
        return (2.0 * values,)


def _together(batcher, jobs):
    """Runs each job in a thread of its own, all within the batcher at once."""
    inside = threading.Barrier(len(jobs))

    def in_clip(job):
        with batcher.clip():
            inside.wait(10)
            return job()

    with ThreadPoolExecutor(len(jobs)) as threads:
        futures = [threads.submit(in_clip, job) for job in jobs]
        return [future.result(30) for future in futures]


def test_without_a_batcher_a_clip_is_run_alone_and_not_filled_up() -> None:
    network = Doubling()
    values = np.arange(14.0).reshape(7, 2)
    (found,) = batching.run(network, values, 3)
    np.testing.assert_array_equal(found, 2 * values)
    assert [len(batch) for batch in network.batches] == [3, 3, 1]


def test_rows_of_several_clips_share_batches_of_one_size() -> None:
    network = Doubling()
    values = [np.full((rows, 2), rows, np.uint8) for rows in (1, 2, 3, 4)]
    jobs = [lambda v=v: batching.run(network, v, 5) for v in values]
    for given_, (found,) in zip(values, _together(ClipBatcher(), jobs), strict=True):
        np.testing.assert_array_equal(found, 2.0 * given_)
    assert [batch.shape for batch in network.batches] == [(5, 2), (5, 2)]


def test_what_a_last_batch_lacks_is_zeros() -> None:
    network = Doubling()
    with (batcher := ClipBatcher()).clip():
        (found,) = batcher.run(network, np.ones((3, 2)), 4)
    assert len(found) == 3
    np.testing.assert_array_equal(network.batches[0][3:], np.zeros((1, 2)))


@settings(max_examples=25, deadline=None)
@given(
    counts=st.lists(
        st.lists(st.integers(1, 7), min_size=1, max_size=4), min_size=1, max_size=5
    ),
    size=st.integers(1, 6),
)
def test_each_clip_gets_its_own_rows_back_in_order(counts, size) -> None:
    networks = [Doubling(), Doubling()]

    def job(clip, calls):
        def run():
            for call, rows in enumerate(calls):
                values = np.full((rows, 1), 100.0 * clip + 10 * call) + np.arange(
                    rows
                ).reshape(-1, 1)
                (found,) = batching.run(networks[call % 2], values, size)
                np.testing.assert_array_equal(found, 2 * values)

        return run

    _together(ClipBatcher(), [job(clip, calls) for clip, calls in enumerate(counts)])
    for network in networks:
        assert {len(batch) for batch in network.batches} <= {size}


def test_clips_of_other_shapes_are_run_apart() -> None:
    network = Doubling()
    values = [np.ones((2, 3)), np.ones((2, 4))]
    _together(ClipBatcher(), [lambda v=v: batching.run(network, v, 4) for v in values])
    assert sorted(batch.shape for batch in network.batches) == [(4, 3), (4, 4)]


def test_a_clip_that_gives_up_holds_nobody_up() -> None:
    network = Doubling()

    def fails():
        raise KeyError("bad clip")

    batcher = ClipBatcher()
    inside = threading.Barrier(2)

    def in_clip(job):
        with batcher.clip():
            inside.wait(10)
            return job()

    with ThreadPoolExecutor(2) as threads:
        good = threads.submit(
            in_clip, lambda: batching.run(network, np.ones((2, 1)), 8)
        )
        bad = threads.submit(in_clip, fails)
        (found,) = good.result(10)
        assert (found == 2).all()
        with pytest.raises(KeyError):
            bad.result(10)


def test_a_network_that_fails_fails_for_all_clips_of_the_batch_and_no_other() -> None:
    def network(values):
        if (values == 1).any():
            raise ValueError("out of memory")
        return (values,)

    def run(value):
        try:
            (found,) = batching.run(network, np.full((4, 1), value), 4)
            return found.mean()
        except ValueError as error:
            return str(error)

    found = _together(ClipBatcher(), [lambda v=v: run(v) for v in (1, 2, 3)])
    assert found == ["out of memory", 2.0, 3.0]


def test_features_are_the_same_bits_alone_and_among_other_clips(tmp_path) -> None:
    spec = loading.resolve(corpus.SPEC)
    paths = [
        clips.write(tmp_path / f"{frames}.mp4", frames) for frames in (3, 20, 31, 60)
    ]
    extractor = Extractor(spec)
    alone = [extractor.extract(path) for path in paths]
    together = _together(
        ClipBatcher(), [lambda path=path: extractor.extract(path) for path in paths]
    )
    for one, other in zip(alone, together, strict=True):
        for name, values in one.features.items():
            np.testing.assert_array_equal(values, other.features[name])
