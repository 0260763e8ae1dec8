"""Trains `tiny3d` on windows of moving-world clips.

Every cell of pool3, pool4, pool5 and fc7 learns what the fastest thing that it covers
looks like, how it moves at that time, and what it is said to do. No single frame tells
the latter two. Windows of 16 frames are drawn afresh for every step, from scenes whose
seeds no corpus uses; what is reported are windows of H.264 clips of other scenes.
"""

from __future__ import annotations

import itertools
import math
import pathlib
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, NamedTuple

import av
import cv2
import numpy as np
import tensorflow as tf
import typer

from tools.pretraining import Moment, folded, moments, train
from transform.backbones import builtin_weights, tiny3d
from transform.backbones.tiny3d import CHUNK, BuiltInChunkNetwork
from transform.moving_world import render
from transform.moving_world.corpus import UNUSED_SEEDS
from transform.moving_world.encode import Picture, render_clip
from transform.moving_world.language import VERBS
from transform.moving_world.motions import Pose
from transform.moving_world.scenes import COLOURS, HEIGHT, SHAPES, WIDTH, Actor
from transform.moving_world.subsets import SUBSETS, sample_scene
from transform.schema import Dis
from transform.video import optical_flow

NOTHING = "nothing"  # where a cell covers no thing
KINDS: Mapping[str, tuple[str, ...]] = {
    "movement": (
        NOTHING,
        "still",
        "left",
        "right",
        "up",
        "down",
        "turn",
        "grow",
        "shrink",
    ),
    "verb": tuple(VERBS),
    "colour": tuple(COLOURS),
    "shape": SHAPES,
}
# Times of a window, and cells a side, of the layers that answer.
LEVELS: Mapping[str, tuple[int, int]] = {
    "pool3": (4, 8),
    "pool4": (2, 4),
    "pool5": (1, 2),
    "fc7": (1, 1),
}
FLOW_CLIP = 4.0  # pixels of a frame of `tiny3d.SIZE`
FLOW = Dis(preset="quality")
_TRAINING_SEEDS = UNUSED_SEEDS + 10**12  # far from those of other tools and the demo
_STILL = 0.02  # heights a second, below which nothing is seen to move
_DRAWN = (96, 72)  # pixels of the pictures of training
_FPS = Picture().fps


class Batch(NamedTuple):
    """Windows, with the labels of the cells of every level."""

    frames: np.ndarray  # (B, 16, 64, 64, C) uint8 RGB or float32 flow
    # by level, then by kind: (B, times, cells, cells) int32, 0 where there is nothing
    labels: dict[str, dict[str, np.ndarray]]


Input = Callable[[np.ndarray], np.ndarray]  # (17, 64, 64, 3) → (16, 64, 64, C)


def pixels(frames: np.ndarray) -> np.ndarray:
    """Returns a window's frames without the one behind it."""
    return frames[:-1]


def flow(frames: np.ndarray) -> np.ndarray:
    """Returns the flow from each of a window's frames to the next, in [−1, 1]."""
    grey = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames])
    estimate = optical_flow.estimator(FLOW)
    return np.stack(
        [
            optical_flow.scaled(estimate, grey, first, first + 1, FLOW_CLIP)
            for first in range(len(grey) - 1)
        ]
    )


INPUTS: Mapping[str, tuple[BuiltInChunkNetwork, Input]] = {
    "pixels": (tiny3d.PIXELS, pixels),
    "flow": (tiny3d.FLOW, flow),
}


# --------------------------------------------------------------------- windows


def training_batches(seed: int, size: int, look: Input) -> Iterator[Batch]:
    """Yields endless batches of windows, each of a scene of its own."""
    rng = random.Random(f"pretrain3d:{seed}")
    subsets = [name for name in SUBSETS if name != "sound"]
    for first in itertools.count(_TRAINING_SEEDS + seed * 10**9, size):
        windows, runs = [], []
        for number in range(first, first + size):
            scene = sample_scene(number, rng.choice(("mixed", *subsets)))
            clip = moments(scene, _FPS)
            begin = rng.randrange(len(clip) - CHUNK)
            run = clip[begin : begin + CHUNK + 1]
            windows.append(look(np.stack([_picture(*moment) for moment in run])))
            runs.append(run)
        yield _batch(windows, runs)


def clip_batches(count: int, look: Input) -> Iterator[Batch]:
    """Yields the windows of each of some H.264 clips of scenes never trained on."""
    with tempfile.TemporaryDirectory() as folder:
        for index in range(count):
            scene = sample_scene(UNUSED_SEEDS + index)
            path = render_clip(scene, pathlib.Path(folder) / "clip.mp4")
            with av.open(str(path)) as container:
                frames = np.stack(
                    [
                        frame.reformat(
                            tiny3d.SIZE, tiny3d.SIZE, "rgb24", interpolation="BILINEAR"
                        ).to_ndarray()
                        for frame in container.decode(video=0)
                    ]
                )
            clip = moments(scene, _FPS)
            begins = range(0, len(clip) - CHUNK, CHUNK)
            yield _batch(
                [look(frames[begin : begin + CHUNK + 1]) for begin in begins],
                [clip[begin : begin + CHUNK + 1] for begin in begins],
            )


def _picture(shot: render.Shot, t: float) -> np.ndarray:
    frame = render.frame_at(shot, t, _DRAWN)
    side = tiny3d.SIZE
    return cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA)


# ---------------------------------------------------------------------- labels


def _batch(windows: list[np.ndarray], runs: list[list[Moment]]) -> Batch:
    labels = {
        level: {
            kind: np.zeros((len(runs), times, cells, cells), np.int32) for kind in KINDS
        }
        for level, (times, cells) in LEVELS.items()
    }
    for level, (times, cells) in LEVELS.items():
        block = CHUNK // times
        for index, run in enumerate(runs):
            for number in range(times):
                moment = run[number * block + block // 2]
                for answers, covered in things(moment, cells):
                    for kind, answer in answers.items():
                        row = KINDS[kind].index(answer)
                        labels[level][kind][index, number][covered] = row
    return Batch(np.stack(windows), labels)


def things(moment: Moment, cells: int) -> Iterator[tuple[dict[str, str], np.ndarray]]:
    """Yields what is to be said of each thing, and the (cells, cells) it covers.

    The faster a thing is, the later it comes: a cell tells of the last.
    """
    shot, t = moment
    dx, dy = shot.camera.offset(t)
    moves = [movement(actor, t, shot.seconds) for actor in shot.actors]
    for place in sorted(range(len(moves)), key=moves.__getitem__):
        actor = shot.actors[place]
        pose = actor.motion.pose(t)
        pose = pose._replace(x=pose.x + dx, y=pose.y + dy)
        verbs = [event.verb for event in shot.events if event.subject == place]
        answers = {
            "movement": moves[place][1],
            "verb": verbs[0] if verbs else "stay",
            "colour": actor.thing.colour,
            "shape": actor.thing.shape,
        }
        yield answers, cover(pose, actor.thing.radius * pose.scale, cells)


def cover(pose: Pose, radius: float, cells: int) -> np.ndarray:
    """Returns the (cells, cells) whose centres a thing covers, and its own cell."""
    x = (np.arange(cells) + 0.5) / cells * WIDTH
    y = (np.arange(cells) + 0.5) / cells * HEIGHT
    dx, dy = np.abs(pose.x - x[None, :]), np.abs(pose.y - y[:, None])
    own = (dx <= WIDTH / cells / 2) & (dy <= HEIGHT / cells / 2)
    return (np.hypot(dx, dy) < 0.85 * radius) | own


def movement(actor: Actor, t: float, seconds: float) -> tuple[float, str]:
    """Returns how far a thing's rim goes in a frame's time, and by what movement."""
    half = 0.5 / (_FPS * seconds)  # of a frame
    before, after = actor.motion.pose(t - half), actor.motion.pose(t + half)
    dx, dy = after.x - before.x, after.y - before.y
    growth = (after.scale - before.scale) * actor.thing.radius
    if abs(dx) > abs(dy):
        way = "right" if dx > 0 else "left"
    else:
        way = "down" if dy > 0 else "up"
    speeds = {
        "still": _STILL / _FPS,
        way: 1.01 * math.hypot(dx, dy),  # what rolls goes somewhere
        "turn": abs(after.angle - before.angle) * actor.thing.radius,
        "grow" if growth > 0 else "shrink": abs(growth),
    }
    return max((speed, name) for name, speed in speeds.items())


# -------------------------------------------------------------------- training


def trainable(channels: int, seed: int) -> tf.keras.Model:
    """Builds `tiny3d` with batch normalisation, and a linear head a level."""
    keras = tf.keras.layers
    frames = x = tf.keras.Input((CHUNK, tiny3d.SIZE, tiny3d.SIZE, channels))
    if channels == 3:
        x = keras.Rescaling(1 / 127.5, offset=-1.0)(x)
    maps = {}

    def normalised(layer: tf.keras.layers.Layer, x: tf.Tensor) -> tf.Tensor:
        norm = keras.BatchNormalization(momentum=0.95, name=f"{layer.name}_norm")
        return keras.ReLU()(norm(layer(x)))

    def initializer(place: int) -> tf.keras.initializers.Initializer:
        return tf.keras.initializers.HeNormal(seed + place)

    for place, stage in enumerate(tiny3d.STAGES):
        convolution = keras.Conv3D(
            stage.width,
            3,
            padding="same",
            use_bias=False,
            kernel_initializer=initializer(place),
            name=stage.convolution,
        )
        x = keras.MaxPooling3D(stage.window)(normalised(convolution, x))
        maps[stage.pool] = x
    x = keras.Flatten()(x)
    for place, name in enumerate(("fc6", "fc7"), len(tiny3d.STAGES)):
        dense = keras.Dense(
            tiny3d.HIDDEN,
            use_bias=False,
            kernel_initializer=initializer(place),
            name=name,
        )
        x = normalised(dense, x)
    maps["fc7"] = keras.Reshape((1, 1, 1, tiny3d.HIDDEN))(x)
    heads = {
        level: {
            kind: keras.Dense(
                len(names), kernel_initializer="zeros", name=f"{level}_{kind}"
            )(maps[level])
            for kind, names in KINDS.items()
        }
        for level in LEVELS
    }
    model = tf.keras.Model(frames, heads)
    for name in ("conv1", "conv2"):
        layer = model.get_layer(name)
        (kernel,) = layer.get_weights()
        kernel[..., ::2] -= kernel[..., ::2].mean(0)  # see only what changes
        layer.set_weights([kernel])
    return model


def loss(answers: Mapping[str, Mapping[str, tf.Tensor]], batch: Batch) -> tf.Tensor:
    """Returns the cross-entropy of every kind in covered cells, and of no movement.

    Cells that cover something, and those that cover nothing, weigh the same.
    """
    total = 0.0
    for level in LEVELS:
        labels = batch.labels[level]
        covered = tf.cast(labels["movement"] > 0, tf.float32)
        for kind in KINDS:
            surprise = tf.nn.sparse_softmax_cross_entropy_with_logits(
                labels[kind], answers[level][kind]
            )
            total += _mean(surprise, covered)
            if kind == "movement":
                total += _mean(surprise, 1.0 - covered)
    return total


def _mean(values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    return tf.math.divide_no_nan(
        tf.reduce_sum(weights * values), tf.reduce_sum(weights)
    )


def trained_layers() -> tuple[str, ...]:
    """Returns the names of the layers that have weights."""
    return (*(stage.convolution for stage in tiny3d.STAGES), "fc6", "fc7")


def accuracies(
    backbone: tf.keras.Model, heads: tf.keras.Model, batches: Iterator[Batch]
) -> dict[tuple[str, str], float]:
    """Returns the shares of right answers by level and kind, in cells that cover any.

    Args:
        backbone: gives the maps of `LEVELS`, of the float16 weights.
        heads: the trained model.
        batches: of windows.
    """
    right: dict[tuple[str, str], int] = dict.fromkeys(
        itertools.product(LEVELS, KINDS), 0
    )
    cells = dict.fromkeys(LEVELS, 0)
    for batch in batches:
        maps = backbone(tf.cast(batch.frames, tf.float32), training=False)
        for level, values in zip(LEVELS, maps, strict=True):
            labels = batch.labels[level]
            covered = labels["movement"] > 0
            cells[level] += int(covered.sum())
            for kind in KINDS:
                said = heads.get_layer(f"{level}_{kind}")(values).numpy().argmax(-1)
                hits = said.reshape(covered.shape) == labels[kind]
                right[level, kind] += int((hits & covered).sum())
    return {key: count / cells[key[0]] for key, count in right.items()}


def main(
    look: Annotated[str, typer.Option(help="pixels or flow.")] = "pixels",
    out: Annotated[
        pathlib.Path | None, typer.Option(help="The weight file; the package's own.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps.")] = 500,
    batch: Annotated[int, typer.Option(min=1, help="Windows a step.")] = 16,
    seed: Annotated[int, typer.Option(help="Of windows and weights.")] = 0,
    clips: Annotated[int, typer.Option(min=1, help="Held-out clips.")] = 100,
) -> None:
    """Trains the built-in 3-D network on windows of moving-world clips."""
    tf.config.experimental.enable_op_determinism()
    network, view = INPUTS[look]
    path = out or network.builtin
    print(f"Training {network.name} on {steps * batch} windows, seed {seed}.")
    model = trainable(network.channels, seed)
    train(model, loss, training_batches(seed, batch, view), steps)
    builtin_weights.save(folded(model, trained_layers()), path)
    print(f"Wrote {path} ({path.stat().st_size / 1024:.0f} KiB).")
    print(f"Right answers in windows of {clips} held-out H.264 clips:")
    whole = tiny3d.build(
        input_shape=(CHUNK, tiny3d.SIZE, tiny3d.SIZE, network.channels), weights=path
    )
    backbone = tf.keras.Model(
        whole.input, [whole.get_layer(level).output for level in LEVELS]
    )
    shares = accuracies(backbone, model, clip_batches(clips, view))
    for level in LEVELS:
        words = (f"{kind} {shares[level, kind]:.2f}" for kind in KINDS)
        print(f"  {level:5} {'  '.join(words)}")


if __name__ == "__main__":
    typer.run(main)
