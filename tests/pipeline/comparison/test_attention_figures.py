"""Weights that are known to look at the right and at the wrong place and time."""

import numpy as np
import pytest
import tensorflow as tf

from keras_models.captioning_model import BatchCaptions
from keras_models.weight_axes import Source, WeightAxes
from pipeline.comparison.attention_figures import PLACE, TIME, Accuracy, figures
from transform.moving_world.encode import Picture
from transform.moving_world.subsets import sample_scene
from transform.moving_world.truth import DrawnClip
from transform.schema import FeatureSpec, FrameGrid, FrameSampling

STEPS, SIDE = 6, 7
SPEC = FeatureSpec(
    sampling=FrameSampling(frames=STEPS),
    features=(
        FrameGrid(
            name="grid",
            network="tiny",
            layer="grid",
            size=112,
            grid=(SIDE, SIDE),
            width=64,
        ),
    ),
)
MOVING = DrawnClip(sample_scene(seed=3, subset="motion"), Picture())
IN_THE_MIDDLE = DrawnClip(sample_scene(seed=3, subset="noise"), Picture())


def about(*axes, ratio=1):
    return WeightAxes(axes=axes, source=Source(feature="grid", ratio=ratio))


def measured(axes, weights, clip=MOVING, caption="a b"):
    batch = BatchCaptions(
        ["clip"], [caption], {name: tf.constant(w[None]) for name, w in weights.items()}
    )
    found = figures(SPEC, axes, [batch], {"clip": clip})
    return {
        (measure, name): of_clips["clip"]
        for measure, weights in found.items()
        for name, of_clips in weights.items()
    }


def middles(clip):
    """The seconds in the middle of each step: key frames share the clip equally."""
    return clip.edges[-1] * (np.arange(STEPS) + 0.5) / STEPS


def one_hot(count, *places):
    return np.eye(count, dtype=np.float32)[[*places]]


def cell_of_actors(clip, second):
    """The cell that holds the most of what acts, pixel by pixel."""
    mask = clip.actors_at(second)
    height, width = mask.shape
    y, x = np.nonzero(mask)
    cells = y * SIDE // height * SIDE + x * SIDE // width
    return int(np.bincount(cells).argmax())


def test_the_encoders_map_on_what_acts_is_right_in_every_frame():
    right = [cell_of_actors(MOVING, second) for second in middles(MOVING)]
    axes = {"spatial": about("step", "cell")}
    weights = one_hot(SIDE * SIDE, *right)
    found = measured(axes, {"spatial": weights})[PLACE, "spatial"]
    assert found.found == 1
    assert 0 < found.uniform < 0.5
    away = np.roll(weights.reshape(STEPS, SIDE, SIDE), 3, (1, 2)).reshape(STEPS, -1)
    assert measured(axes, {"spatial": away})[PLACE, "spatial"].found < 0.5


def test_a_words_cell_counts_in_the_step_that_the_word_looked_at_most():
    right = [cell_of_actors(MOVING, second) for second in middles(MOVING)]
    steps = one_hot(STEPS, 0, 4, 0)  # of two words and <eos>
    cells = one_hot(SIDE * SIDE, right[0], right[4], 0)
    together = steps[:, :, None] * cells[:, None, :]
    found = measured({"a": about("word", "step", "cell")}, {"a": together})
    assert found[PLACE, "a"].found == 1
    apart = measured(
        {"temporal": about("word", "step"), "spatial": about("word", "cell")},
        {"temporal": steps, "spatial": cells},
    )
    assert apart[PLACE, "spatial"] == pytest.approx(
        found[PLACE, "a"]._replace(random=apart[PLACE, "spatial"].random)
    )


def test_a_words_step_is_a_hit_within_the_event():
    ((begin, end),) = IN_THE_MIDDLE.events
    inside = (begin <= middles(IN_THE_MIDDLE)) & (middles(IN_THE_MIDDLE) <= end)
    assert 0 < inside.sum() < STEPS
    first = int(inside.argmax())
    outside = int((~inside).argmax())
    found = measured(
        {"temporal": about("word", "step")},
        {"temporal": one_hot(STEPS, first, outside, first)},
        IN_THE_MIDDLE,
    )[TIME, "temporal"]
    assert found.found == 0.5
    assert found.uniform == pytest.approx(inside.mean())
    chosen = measured(
        {"key": about("step")}, {"key": one_hot(STEPS, first)[0]}, IN_THE_MIDDLE
    )
    assert chosen[TIME, "key"].found == 1


def test_a_clip_whose_event_lasts_all_the_time_has_no_temporal_figure():
    whole = next(
        clip
        for seed in range(100)
        if (clip := DrawnClip(sample_scene(seed, "detail"), Picture()))
        and (clip.events[:, 0] <= middles(clip)[0]).any()
        and (clip.events[:, 1] >= middles(clip)[-1]).any()
        and len(clip.events) == 1
    )
    weights = {"temporal": one_hot(STEPS, 0, 0)}
    assert not measured({"temporal": about("word", "step")}, weights, whole)


def test_weights_without_a_place_are_left_out():
    axes = {"level": WeightAxes(axes=("word", "option"), options=("a", "b"))}
    assert not measured(axes, {"level": one_hot(2, 0, 1)})


def test_means_are_taken_over_clips():
    mean = Accuracy.mean([Accuracy(1, 0.5, 0, 0), Accuracy(0, 0.5, 1, 0)])
    assert mean == Accuracy(0.5, 0.5, 0.5, 0)
