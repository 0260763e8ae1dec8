import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from serving.client import cues
from serving.client.caption_lines import CaptionLine
from serving.client.cues import CueLengths


def line(start, end, caption, confidence=0.5):
    return CaptionLine("a.mp4", start, end, caption, confidence)


def joined(lines, **lengths):
    return list(cues.joined(lines, CueLengths(**lengths)))


def test_neighbours_that_say_the_same_are_one():
    lines = [line(0, 4, "a", 0.3), line(4, 9, "a", 0.6), line(9, 12, "b")]
    assert joined(lines) == [line(0, 9, "a", 0.6), line(9, 12, "b")]


def test_a_gap_keeps_equal_captions_apart():
    lines = [line(0, 4, "a"), line(5, 9, "a")]
    assert joined(lines) == lines


def test_no_cue_grows_beyond_the_longest():
    lines = [line(5 * n, 5 * n + 5, "a") for n in range(5)]
    assert [cue.end - cue.start for cue in joined(lines, longest=12)] == [10, 10, 5]


def test_what_is_too_short_joins_the_next_and_the_surer_caption_stays():
    lines = [line(0, 3, "a"), line(3, 3.4, "b", 0.4), line(3.4, 8, "c", 0.6)]
    assert joined(lines) == [line(0, 3, "a"), line(3, 8, "c", 0.6)]


def test_a_short_end_joins_what_is_before_it():
    lines = [line(0, 3, "a", 0.9), line(3, 3.4, "b", 0.4)]
    assert joined(lines) == [line(0, 3.4, "a", 0.9)]


def test_a_long_sentence_stays_as_long_as_reading_it_takes():
    sentence = "somebody walks along a river with two dogs and a kite"  # 53 letters
    lines = [line(2 * n, 2 * n + 2, f"{sentence} {n}", n / 10) for n in range(4)]
    assert [(cue.start, cue.end) for cue in joined(lines)] == [(0, 4), (4, 8)]
    assert [cue.confidence for cue in joined(lines)] == [0.1, 0.3]


def test_what_has_no_caption_stays_alone():
    lost = CaptionLine("a.mp4", 3, 3.5, "", 0.0, "it is damaged")
    lines = [line(0, 3, "a"), lost, line(3.5, 6, "a")]
    assert joined(lines) == lines


@st.composite
def films(draw):
    lengths = draw(st.lists(st.floats(0.05, 12), min_size=1, max_size=12))
    ends = list(itertools.accumulate(lengths))
    return [
        line(
            start,
            end,
            draw(st.sampled_from(["", "a", "b", "a much longer sentence " * 2])),
            draw(st.floats(0, 1)),
        )
        for start, end in zip([0.0, *ends], ends, strict=False)
    ]


@settings(deadline=None)
@given(films(), st.floats(0, 5), st.floats(5, 40))
def test_cues_cover_the_film_and_can_be_read(lines, shortest, longest):
    lengths = CueLengths(shortest, longest)
    found = joined(lines, shortest=shortest, longest=longest)
    assert (found[0].start, found[-1].end) == (lines[0].start, lines[-1].end)
    said = {(each.caption, each.confidence) for each in lines}
    most = max(longest, *(each.end - each.start for each in lines))
    for cue in found:
        assert (cue.caption, cue.confidence) in said
        assert cue.end - cue.start <= most + 0.01
    for one, other in itertools.pairwise(found):
        assert one.end == other.start
        fits = other.end - one.start <= longest
        if one.caption and other.caption and fits:
            assert one.caption != other.caption
            assert lengths.is_readable(one)


def test_a_film_of_one_short_scene_keeps_its_caption():
    assert joined([line(0, 0.5, "a")]) == [line(0, 0.5, "a")]


def test_nothing_gives_nothing():
    assert joined([]) == []


def test_a_photograph_is_one_line():
    assert joined([line(0, None, "a")]) == [line(0, None, "a")]
