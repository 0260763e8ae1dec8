import threading
import time

import pytest

from serving.client.clip_parts import ClipPart
from serving.client.many import caption_many
from serving.common.errors import ServingError
from transform.schema import SpecMismatchError
from transform.video.video_info import DecodeError


class Captioner:
    """Captions the name of a clip; what begins with "bad" cannot be decoded."""

    def __init__(self, hold=None):
        self.batches = []
        self.decoded = []
        self._hold = hold or threading.Event()
        self._hold.set() if hold is None else None

    def extract(self, path, start=None, end=None, keep=(), decoded=None):
        self._hold.wait(5)
        self.decoded.append(path)
        if path.startswith("bad"):
            raise DecodeError(path, "it is bad")
        return path, start, end

    def to_record(self, extraction, category=""):
        return (*extraction, category)

    def caption_examples(self, records):
        self.batches.append(len(records))
        return [f"caption of {record}" for record in records]


def test_answers_come_in_order_with_the_broken_ones_among_them():
    names = [f"{'bad' if n % 5 == 3 else 'clip'}{n}" for n in range(50)]
    answers = list(caption_many(Captioner(), map(ClipPart, names), "music"))
    assert [answer.clip.path for answer in answers] == names
    for answer in answers:
        if answer.clip.path.startswith("bad"):
            assert answer.result is None and answer.problem.reason == "it is bad"
        else:
            wanted = (answer.clip.path, None, None, "music")
            assert answer.result == f"caption of {wanted}"


def test_clips_that_are_decoded_are_captioned_together():
    hold = threading.Event()
    captioner = Captioner(hold)
    threading.Timer(0.3, hold.set).start()
    assert len(list(caption_many(captioner, map(ClipPart, "abcdefgh"), workers=8))) == 8
    assert max(captioner.batches) > 1


def test_clips_that_come_steadily_are_captioned_in_batches():
    class Steady(Captioner):
        def extract(self, path, start=None, end=None, keep=(), decoded=None):
            time.sleep(0.02)
            return super().extract(path, start, end)

    captioner = Steady()
    clips = [ClipPart(str(number)) for number in range(64)]
    assert len(list(caption_many(captioner, clips, workers=2))) == 64
    assert sum(captioner.batches) == 64
    assert len(captioner.batches) <= 20  # it would be one or two clips each


def test_a_single_clip_waits_for_nobody():
    begun = time.monotonic()
    assert len(list(caption_many(Captioner(), [ClipPart("a")], workers=2))) == 1
    assert time.monotonic() - begun < 0.4


def test_no_more_is_decoded_ahead_than_two_batches_and_a_clip_a_worker():
    taken = []
    clips = (taken.append(n) or ClipPart(str(n)) for n in range(1000))
    answers = caption_many(Captioner(), clips, workers=2)
    next(answers)
    assert len(taken) <= 2 + 2 * 8
    answers.close()


def test_the_same_part_twice_is_captioned_twice():
    clips = [ClipPart("a", 0, 1), ClipPart("a", 0, 1), ClipPart("a", 1, 2)]
    assert [a.clip for a in caption_many(Captioner(), clips)] == clips


def test_a_model_that_was_replaced_meanwhile_gets_its_own_features(monkeypatch):
    captioner = Captioner()
    caption = captioner.caption_examples
    answers = iter([SpecMismatchError("another model"), None])

    def refuse_once(records):
        if error := next(answers):
            raise error
        return caption(records)

    monkeypatch.setattr(captioner, "caption_examples", refuse_once)
    (answer,) = caption_many(captioner, [ClipPart("a", 1, 2)], "x")
    assert answer.result == "caption of ('a', 1, 2, 'x')"
    assert captioner.decoded == ["a", "a"]


def test_a_model_that_does_not_answer_ends_everything(monkeypatch):
    captioner = Captioner()

    def fail(records):
        raise ServingError("gone")

    monkeypatch.setattr(captioner, "caption_examples", fail)
    with pytest.raises(ServingError):
        list(caption_many(captioner, map(ClipPart, "abc")))
