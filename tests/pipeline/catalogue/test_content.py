import pathlib

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.catalogue import content
from transform.datasets import VideoRecord


def clip(name, uri, split="train", start=None, end=None):
    return VideoRecord(name, str(uri), split, ("a cat sits",), "", start, end)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from([b"", b"a", b"b", b"a" * 70_000, b"a" * 69_999 + b"b"]))
)
def test_files_are_together_exactly_where_their_bytes_are_the_same(
    tmp_path_factory, contents
):
    folder = tmp_path_factory.mktemp("files")
    paths = [folder / f"{number}.mp4" for number in range(len(contents))]
    for path, data in zip(paths, contents, strict=True):
        path.write_bytes(data)
    groups = content.same_files([str(path) for path in paths])
    assert sorted(name for group in groups for name in group) == sorted(map(str, paths))
    of = {name: number for number, group in enumerate(groups) for name in group}
    for one in paths:
        for other in paths:
            same = one == other or (one.read_bytes() == other.read_bytes() != b"")
            assert (of[str(one)] == of[str(other)]) == same


def test_a_missing_file_is_like_no_other(tmp_path):
    paths = [str(tmp_path / "a.mp4"), str(tmp_path / "b.mp4")]
    assert content.same_files(paths) == [[path] for path in paths]


def test_a_copy_in_another_split_is_a_leak_and_another_part_of_it_is_not(tmp_path):
    for name in "ab":
        (tmp_path / name).write_bytes(b"the same video")
    (tmp_path / "c").write_bytes(b"another, longer video")
    first = clip("first", tmp_path / "a", "train", 0, 10)
    copy = clip("copy", tmp_path / "b", "test", 5, 15)
    later = clip("later", tmp_path / "b", "val", 20, 30)
    (shared,) = content.shared_files([first, copy, later, clip("c", tmp_path / "c")])
    assert set(shared.clips) == {first, copy, later}
    assert shared.splits == {"train", "val", "test"}
    assert shared.leaks() == [(first, copy)]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 20), st.integers(1, 20), st.sampled_from(["train", "val"])
        ),
        max_size=12,
    )
)
def test_overlaps_are_the_pairs_that_show_the_same_seconds(cuts):
    clips = tuple(
        clip(str(number), pathlib.Path("x"), split, start, start + length)
        for number, (start, length, split) in enumerate(cuts)
    )
    found = {
        frozenset((one.video_id, other.video_id))
        for one, other in content.SharedFile(clips).overlaps()
    }
    wanted = {
        frozenset((one.video_id, other.video_id))
        for one in clips
        for other in clips
        if one != other and one.start < other.end and other.start < one.end
    }
    assert found == wanted
