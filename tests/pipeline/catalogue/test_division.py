import collections

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.catalogue import division
from transform.common.errors import DataError
from transform.datasets import VideoRecord


def clips_of(videos):
    """A clip for each entry, which says of which video it is a part."""
    return [
        VideoRecord(f"{n:03}", f"/absent/{video}", "train", ("a",), "", n, n + 1)
        for n, video in enumerate(videos)
    ]


@settings(deadline=None)
@given(
    videos=st.lists(st.integers(0, 30), min_size=1, max_size=60),
    given_splits=st.dictionaries(
        st.integers(0, 59).map("{:03}".format),
        st.sampled_from(["train", "val", "test"]),
        max_size=10,
    ),
    seed=st.integers(0, 3),
)
def test_every_split_has_clips_and_a_video_stays_in_one(videos, given_splits, seed):
    clips = clips_of(videos)
    known = {c.video_id: c for c in clips}
    fixed = {name: s for name, s in given_splits.items() if name in known}
    video_splits = collections.defaultdict(set)
    for name, split in fixed.items():
        video_splits[known[name].uri].add(split)
    try:
        divided = division.divide(clips, fixed, seed)
    except DataError:
        assert len(set(videos)) < 3 or len(video_splits) > 0
        return
    assert division.divide(clips, fixed, seed) == divided
    assert {clip.split for clip in divided} == {"train", "val", "test"}
    held_out = set(fixed.values()) - {"train"}
    for clip in divided:
        if fixed.get(clip.video_id) in held_out:
            assert clip.split == fixed[clip.video_id]
        if len(video_splits[clip.uri]) < 2:
            same = {other.split for other in divided if other.uri == clip.uri}
            assert same == {clip.split}


def test_thirteen_clips_give_two_of_each_held_out_split():
    divided = division.divide(clips_of(range(13)), {})
    assert collections.Counter(clip.split for clip in divided) == {
        **{"train": 9, "val": 2, "test": 2}
    }


def test_only_the_split_that_is_absent_is_made():
    clips = clips_of(range(40))
    given_splits = {
        c.video_id: "test" if int(c.video_id) < 5 else "train" for c in clips
    }
    divided = division.divide(clips, given_splits)
    counts = collections.Counter(clip.split for clip in divided)
    assert counts == {"train": 29, "val": 6, "test": 5}
    assert all(clip.split == "test" for clip in divided[:5])


@pytest.mark.parametrize("videos", [[0], [0, 1], [0, 0, 0, 1]])
def test_too_few_different_clips_are_one_sentence(videos):
    with pytest.raises(DataError, match="too few to divide: each of val, test, train"):
        division.divide(clips_of(videos), {})
