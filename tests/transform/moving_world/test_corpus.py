"""The corpus on disk: real files, the official annotations, nothing done twice."""

import itertools
import json
import subprocess
import sys

import av
import numpy as np
import pytest

from transform.common.config import ConfigError
from transform.moving_world import (
    SUBSETS,
    CorpusConfig,
    Picture,
    clip_seed,
    frames,
    render_clip,
    render_corpus,
    sample_scene,
)
from transform.moving_world.scenes import SIGNALS
from transform.moving_world.sound import RATE, synthesise

SMALL = Picture(width=96, height=72, fps=8)
CONFIG = CorpusConfig(train=3, val=1, test=2, references=5, picture=SMALL)


def decode(path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack(
            [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
        )


def with_sound(wanted: str):
    return next(
        scene
        for scene in (sample_scene(seed, "sound") for seed in range(200))
        if scene.sound == wanted
    )


def test_same_seed_renders_the_same_frames(tmp_path):
    for seed, subset in enumerate(SUBSETS):
        one = render_clip(sample_scene(seed, subset), tmp_path / "one.mp4", SMALL)
        two = render_clip(sample_scene(seed, subset), tmp_path / "two.mp4", SMALL)
        assert one.read_bytes() == two.read_bytes()
        assert (decode(one) == decode(two)).all()


def test_a_clip_is_h264_of_the_format_asked_for(tmp_path):
    scene = sample_scene(3)
    path = render_clip(scene, tmp_path / "clip.mp4")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert (stream.width, stream.height) == (192, 144)
        assert stream.average_rate == 12
        assert stream.codec_context.pix_fmt == "yuv420p"
    assert len(decode(path)) == pytest.approx(12 * scene.seconds, abs=1)


def test_encoding_keeps_the_picture(tmp_path):
    scene = sample_scene(3)
    path = render_clip(scene, tmp_path / "clip.mp4")
    drawn = np.stack(list(frames(scene, (192, 144), 12))).astype(float)
    assert np.abs(drawn - decode(path)).mean() < 4


def test_sound_is_aac_where_there_is_any(tmp_path):
    for wanted in ("bell", "none"):
        scene = with_sound(wanted)
        path = render_clip(scene, tmp_path / f"{wanted}.mp4", SMALL)
        with av.open(str(path)) as container:
            codecs = [stream.codec_context.name for stream in container.streams.audio]
            assert codecs == (["aac"] if wanted == "bell" else [])
            if codecs:
                samples = np.concatenate(
                    [f.to_ndarray()[0] for f in container.decode(audio=0)]
                )
                assert len(samples) / RATE == pytest.approx(scene.seconds, abs=0.2)
                assert np.abs(samples).max() > 0.1


def test_every_event_and_every_signal_has_a_sound_of_its_own():
    def spectrum(samples: np.ndarray) -> np.ndarray:
        power = np.abs(np.fft.rfft(samples[: 2 * RATE])) ** 2
        bands = np.add.reduceat(power, np.arange(0, len(power), 250))
        return bands / np.linalg.norm(bands)

    known = {signal: spectrum(synthesise(with_sound(signal))) for signal in SIGNALS}
    for one in SIGNALS:
        for two in SIGNALS:
            likeness = float(known[one] @ known[two])
            assert likeness > 0.999 if one == two else likeness < 0.6
    verbs = {}
    for seed in range(300):
        scene = sample_scene(seed)
        if len(scene.shots) == len(scene.shots[0].events) == 1:
            loud = scene._replace(sound="motion")
            verbs.setdefault(scene.category, synthesise(loud))
    assert len(verbs) == 14
    for verb, samples in verbs.items():
        assert (np.abs(samples).max() > 0.05) == (verb != "stay"), verb


def test_a_corpus_is_rendered_once(tmp_path):
    calls = []
    first = render_corpus(
        CONFIG, tmp_path, workers=1, progress=lambda *n: calls.append(n)
    )
    assert (first.rendered, first.kept) == (6, 0)
    assert calls == [(done, 6) for done in range(1, 7)]
    written = {path: path.stat().st_mtime_ns for path in first.videos.iterdir()}
    assert sorted(path.name for path in written) == [f"video{n}.mp4" for n in range(6)]
    second = render_corpus(CONFIG, tmp_path, workers=1)
    assert (second.rendered, second.kept) == (0, 6)
    assert written == {path: path.stat().st_mtime_ns for path in first.videos.iterdir()}


def test_what_is_damaged_missing_or_of_another_corpus_is_rendered_again(tmp_path):
    corpus = render_corpus(CONFIG, tmp_path, workers=1)
    good = {path.name: path.read_bytes() for path in corpus.videos.iterdir()}
    (corpus.videos / "video0.mp4").unlink()
    (corpus.videos / "video1.mp4").write_bytes(b"no video")
    render_clip(sample_scene(10**6), corpus.videos / "video2.mp4", SMALL)
    again = render_corpus(CONFIG, tmp_path, workers=1)
    assert (again.rendered, again.kept) == (3, 3)
    assert good == {path.name: path.read_bytes() for path in corpus.videos.iterdir()}


def test_processes_render_what_one_renders(tmp_path):
    one = render_corpus(CONFIG, tmp_path / "one", workers=1)
    two = render_corpus(CONFIG, tmp_path / "two", workers=2)
    assert one.annotations.read_bytes() == two.annotations.read_bytes()
    for path in one.videos.iterdir():
        assert path.read_bytes() == (two.videos / path.name).read_bytes()


def test_an_interrupted_call_leaves_whole_files_only(tmp_path):
    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_corpus(CONFIG, tmp_path, workers=1, progress=stop)
    left = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["video0.mp4", "video1.mp4"]
    assert render_corpus(CONFIG, tmp_path, workers=1).rendered == 4


def test_annotations_have_the_official_layout(tmp_path):
    corpus = render_corpus(CONFIG, tmp_path, workers=1)
    data = json.loads(corpus.annotations.read_text())
    assert list(data) == ["info", "videos", "sentences"]
    assert [video["split"] for video in data["videos"]] == [
        *["train"] * 3,
        "validate",
        *["test"] * 2,
    ]
    for number, video in enumerate(data["videos"]):
        assert set(video) == {
            "category",
            "url",
            "video_id",
            "start time",
            "end time",
            "split",
            "id",
        }
        assert (video["id"], video["video_id"]) == (number, f"video{number}")
        clip = corpus.videos / f"{video['video_id']}.mp4"
        assert video["end time"] == pytest.approx(len(decode(clip)) / SMALL.fps)
    assert len(data["sentences"]) == 6 * 5
    for number, sentence in enumerate(data["sentences"]):
        assert set(sentence) == {"caption", "video_id", "sen_id"}
        assert sentence["sen_id"] == number


def test_no_scene_is_in_two_splits_and_no_pair_is_divided():
    seeds = {
        (corpus, split): [
            clip_seed(CorpusConfig(seed=corpus), split, index) for index in (0, 99_999)
        ]
        for corpus in (0, 1, 2)
        for split in ("train", "val", "test")
    }
    ranges = sorted(seeds.values())
    assert all(start % 2 == 0 and end % 2 == 1 for start, end in ranges)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(ranges))


def test_a_larger_corpus_keeps_the_smaller_ones_training_clips(tmp_path):
    render_corpus(CONFIG.replace(val=0, test=0), tmp_path, workers=1)
    grown = render_corpus(CONFIG.replace(train=4, val=0, test=0), tmp_path, workers=1)
    assert (grown.rendered, grown.kept) == (1, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"subset": "colour"},
            "subset = 'colour' is wrong: must be one of mixed, motion",
        ),
        ({"references": 3}, "references = 3"),
        ({"picture": {"width": 97}}, r"picture\.width = 97"),
    ],
)
def test_wrong_settings_are_named(change, message):
    with pytest.raises(ConfigError, match=message):
        CorpusConfig.from_dict(change)


def test_workers_below_one_are_refused(tmp_path):
    with pytest.raises(ValueError, match="received 0"):
        render_corpus(CONFIG, tmp_path, workers=0)


def test_rendering_needs_no_tensorflow():
    code = "import sys, transform.moving_world; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
