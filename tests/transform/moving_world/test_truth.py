from __future__ import annotations

import numpy as np
import pytest

from transform.moving_world import CorpusConfig, sample_scene
from transform.moving_world.corpus import annotate
from transform.moving_world.render import frame_at, frame_count, frames
from transform.moving_world.truth import event_times, masks_at, scene_of

SIZE, FPS = (192, 144), 12


def test_the_annotation_names_the_scene():
    videos = annotate(CorpusConfig(train=1, val=1, test=0, subset="order"))["videos"]
    for video in videos:
        scene = scene_of(video["url"])
        assert scene.subset == "order"
        assert video["url"].endswith(str(scene.seed))
    with pytest.raises(ValueError, match="no address of a drawn clip"):
        scene_of("https://example.org/clip.mp4")


@pytest.mark.parametrize("subset", ["mixed", "motion", "detail", "entities", "noise"])
@pytest.mark.parametrize("seed", range(6))
def test_a_mask_is_where_the_thing_is_drawn(subset, seed):
    scene = sample_scene(seed=seed, subset=subset)
    second = 0.0
    for shot in scene.shots:
        count = frame_count(shot, FPS)
        for share in (0.0, 0.5, 1.0):
            index = round(share * (count - 1))
            masks = masks_at(scene, second + index / FPS, SIZE, FPS)
            assert masks.shape == (len(shot.actors), 144, 192)
            with_all = frame_at(shot, index / (count - 1), SIZE).astype(int)
            bare = shot._replace(actors=())
            without = frame_at(bare, index / (count - 1), SIZE).astype(int)
            drawn = np.abs(with_all - without).max(axis=2) > 0
            union = masks.any(axis=0) if len(masks) else np.zeros_like(drawn)
            # But for what has the background's colour, and pixels of the edge.
            assert (drawn & ~_grown(union)).sum() == 0
            assert (drawn & union).sum() >= 0.9 * _shrunk(union).sum()
        second += count / FPS


def test_an_event_lasts_as_long_as_its_subject_moves():
    seeds = [seed for seed in range(200) if _verb(seed, "stop") is not None]
    assert seeds
    for seed in seeds[:3]:
        scene, time = _verb(seed, "stop")
        seconds = sum(frame_count(shot, FPS) for shot in scene.shots) / FPS
        assert time.begin == 0
        assert time.end == pytest.approx(seconds / 2, rel=0.02)  # halfway


def test_events_of_a_later_shot_begin_after_the_former():
    scene = sample_scene(seed=3, subset="noise")  # cards, then the act, then a card
    (time,) = event_times(scene, FPS)
    opening, core, _ = (frame_count(shot, FPS) / FPS for shot in scene.shots)
    assert time.shot == 1
    assert opening <= time.begin < time.end <= opening + core + 1e-9


def test_a_moment_after_the_end_is_the_last_frames():
    scene = sample_scene(seed=1, subset="mixed")
    seconds = sum(1 for _ in frames(scene, SIZE, FPS)) / FPS
    last = masks_at(scene, seconds - 0.5 / FPS, SIZE, FPS)
    np.testing.assert_array_equal(masks_at(scene, seconds + 1, SIZE, FPS), last)


def _verb(seed: int, verb: str):
    scene = sample_scene(seed=seed, subset="mixed")
    for time in event_times(scene, FPS):
        if time.verb == verb:
            return scene, time
    return None


def _grown(mask: np.ndarray) -> np.ndarray:
    padded = np.pad(mask, 2)
    height, width = mask.shape
    return np.any(
        [padded[y : y + height, x : x + width] for y in range(5) for x in range(5)],
        axis=0,
    )


def _shrunk(mask: np.ndarray) -> np.ndarray:
    return ~_grown(~mask)
