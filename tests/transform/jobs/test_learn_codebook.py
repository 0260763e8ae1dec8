import json

import numpy as np
import pytest

from tests.support import clips, sounds
from transform.audio import bag_of_words, codebook
from transform.datasets import Jsonl
from transform.jobs import learn_codebook
from transform.jobs.extraction_settings import ExtractionSettings
from transform.jobs.learn_codebook import CodebookError
from transform.schema import AudioWords

FEATURE = AudioWords(words=12)
SETTINGS = ExtractionSettings(workers=1)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Three clips of each kind of sound, and those that give none."""
    folder = tmp_path_factory.mktemp("corpus")
    rows = []
    for seed in range(3):
        for kind in sounds.KINDS:
            sounds.write(folder / f"{kind}{seed}.wav", kind, seed=seed)
            rows.append((f"{kind}{seed}", f"{kind}{seed}.wav", "train"))
    clips.write(folder / "picture.mp4", 5)
    (folder / "text.mp4").write_text("not a video\n" * 50)
    sounds.write(folder / "click.wav", "noise", 0.02)
    for name in ("picture.mp4", "text.mp4", "click.wav", "gone.mp4"):
        rows.append((name, name, "train"))
    sounds.write(folder / "other.wav", "noise", seed=9)
    rows.append(("other", "other.wav", "test"))
    return folder, rows


def annotate(corpus, rows=None) -> Jsonl:
    folder, every = corpus
    lines = [
        json.dumps({"id": name, "video": file, "split": split, "captions": ["a"]})
        for name, file, split in (every if rows is None else rows)
    ]
    path = folder / "annotations.jsonl"
    path.write_text("\n".join(lines))
    return Jsonl(file=str(path))


def learn(source, out, settings=SETTINGS, **changes):
    heard = learn_codebook.learn(
        source,
        changes.pop("feature", FEATURE),
        out=str(out),
        settings=settings,
        windows=changes.pop("windows", 400),
        **changes,
    )
    return heard, out.read_bytes()


@pytest.fixture(scope="module")
def learnt(corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "words.npz"
    return out, *learn(annotate(corpus), out)


def test_kinds_of_sound_have_words_of_their_own(learnt):
    shelf = codebook.load(learnt[0], FEATURE)
    bags = []
    for kind in sounds.KINDS:
        windows = bag_of_words.windows_of(sounds.samples(kind, 1.0, seed=7), FEATURE)
        bags.append(bag_of_words.bag(windows, shelf, FEATURE)[0])
    np.testing.assert_allclose(np.inner(bags, bags), np.eye(3), atol=0.15)


def test_it_is_said_what_was_heard(learnt):
    _, heard, _ = learnt
    # 400 windows of 13 clips are 31 each; a clip of half a second has 48.
    assert heard == (
        13,
        9,
        9 * 31,
        {
            "it has no sound": 2,
            "it is neither a video nor a photograph of a known format": 1,
            "there is no such file": 1,
        },
    )


def test_nothing_but_the_codebook_is_left_behind(learnt):
    assert list(learnt[0].parent.iterdir()) == [learnt[0]]


def test_same_bytes_without_beam_and_in_another_order(corpus, learnt, tmp_path):
    alone = ExtractionSettings(workers=0)  # the first clips in this process
    source = annotate(corpus, corpus[1][::-1])
    assert learn(source, tmp_path / "words.npz", alone)[1] == learnt[2]


@pytest.mark.slow
def test_same_bytes_with_two_workers(corpus, learnt, tmp_path):
    two = ExtractionSettings(workers=2)
    assert learn(annotate(corpus), tmp_path / "words.npz", two)[1] == learnt[2]


def test_another_seed_chooses_other_windows(corpus, learnt, tmp_path):
    _, data = learn(annotate(corpus), tmp_path / "words.npz", seed=1)
    assert data != learnt[2]


def test_part_of_a_file_is_listened_to(tmp_path):
    path = tmp_path / "long.wav"
    sounds.write(path, "tone", 2.0)
    listener = learn_codebook.WindowSampler(FEATURE, 1000, 0)
    record = learn_codebook.VideoRecord("a", str(path), "train", ())
    assert len(listener(record).windows) == 198
    assert len(listener(record._replace(start=0.5, end=1.0)).windows) == 48


def test_samples_survive_being_written():
    windows = np.random.default_rng(0).normal(size=(3, 39)).astype(np.float32)
    sample = learn_codebook.Sample("a", "", windows)
    found = learn_codebook.Sample.from_json(sample.to_json())
    assert found[:2] == sample[:2]
    np.testing.assert_array_equal(found.windows, windows)
    none = learn_codebook.Sample("b", "it has no sound", windows[:0])
    assert len(learn_codebook.Sample.from_json(none.to_json()).windows) == 0


def test_too_little_sound_is_one_sentence(corpus, tmp_path):
    rows = [row for row in corpus[1] if row[0] in ("silence0", "click.wav")]
    with pytest.raises(CodebookError, match="1 of 2 training clips have sound, with"):
        learn(annotate(corpus, rows), tmp_path / "words.npz")
    assert list(tmp_path.iterdir()) == []
