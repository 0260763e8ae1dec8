"""Trains `tiny` on pictures of the moving world.

Every cell of the (7, 7) map learns which thing covers it: its shape, colour, texture
and apparent size, and where from the cell its centre lies. Pictures are drawn afresh
for every step, with things anywhere and at any angle, and pass through JPEG, which
harms colours as video does. What is reported are cells of frames decoded from H.264
clips whose seeds no corpus uses.
"""

from __future__ import annotations

import pathlib
import random
import tempfile
from collections.abc import Iterator, Mapping
from typing import Annotated, NamedTuple

import av
import cv2
import numpy as np
import tensorflow as tf
import typer

from tools import pretraining
from transform.backbones import builtin_weights, tiny
from transform.moving_world import acts, render
from transform.moving_world.corpus import UNUSED_SEEDS
from transform.moving_world.encode import Picture, render_clip
from transform.moving_world.motions import Pose, Rest
from transform.moving_world.scenes import (
    COLOURS,
    HEIGHT,
    PATTERNS,
    SHAPES,
    TEXTURES,
    TONES,
    WIDTH,
    Actor,
    Background,
    Shot,
    Thing,
)
from transform.moving_world.subsets import sample_scene

CELLS = 7
SIZE_BOUNDS = (0.1, 0.15, 0.2)  # apparent radii that divide four classes
ATTRIBUTES: Mapping[str, int] = {
    "shape": len(SHAPES),
    "colour": len(COLOURS),
    "texture": len(TEXTURES),
    "size": len(SIZE_BOUNDS) + 1,
}
_PICTURE = Picture()


class Batch(NamedTuple):
    """Frames, with the labels of their cells."""

    frames: np.ndarray  # (B, 112, 112, 3) uint8
    covered: np.ndarray  # (B, 7, 7) bool
    attributes: dict[str, np.ndarray]  # each (B, 7, 7) int32, 0 where not covered
    offsets: np.ndarray  # (B, 7, 7, 2) float32, from the cell to the thing's centre


# -------------------------------------------------------------------- pictures


def background(rng: random.Random) -> Background:
    """Draws a background of any tone and pattern."""
    return Background(
        rng.choice(tuple(TONES)),
        rng.choice(PATTERNS),
        rng.random() < 0.4,
        rng.randrange(2**31),
    )


def picture(rng: random.Random, behind: Background) -> Shot:
    """Draws one to four things at rest, of any place, size and angle."""
    places: list[Pose] = []
    for _ in range(rng.choices((1, 2, 3, 4), (4, 4, 2, 2))[0]):
        pose = Pose(rng.uniform(0.08, WIDTH - 0.08), rng.uniform(0.08, HEIGHT - 0.08))
        if all(abs(pose.x - p.x) + abs(pose.y - p.y) > 0.3 for p in places):
            places.append(pose)
    actors = []
    for pose in places:
        angle = rng.choice((0.0, rng.uniform(0, 6.28)))
        scale = rng.choice((1.0, rng.uniform(0.6, 1.5)))
        thing = acts.thing(rng)._replace(texture=rng.choice(TEXTURES))
        actors.append(Actor(thing, Rest(pose._replace(scale=scale, angle=angle))))
    return Shot(1.0, tuple(actors), behind)


def training_batches(seed: int, size: int) -> Iterator[Batch]:
    """Yields endless batches of fresh pictures; four share a background."""
    rng = random.Random(f"pretrain:{seed}")
    while True:
        frames, shots = [], []
        for index in range(size):
            if index % 4 == 0:
                place = background(rng)
            shot = picture(rng, place)
            frame = render.frame_at(shot, 0.0, _PICTURE.size)
            quality = [cv2.IMWRITE_JPEG_QUALITY, rng.randint(60, 95)]
            _, coded = cv2.imencode(".jpg", frame, quality)
            frame = cv2.imdecode(coded, cv2.IMREAD_COLOR)
            frames.append(cv2.resize(frame, (tiny.SIZE, tiny.SIZE)))
            shots.append((shot, 0.0))
        yield _batch(frames, shots)


def clip_batches(count: int, size: int) -> Iterator[Batch]:
    """Yields the frames of H.264 clips from seeds that no corpus uses, clip by clip."""
    with tempfile.TemporaryDirectory() as folder:
        for index in range(count):
            scene = sample_scene(UNUSED_SEEDS + index)
            path = render_clip(scene, pathlib.Path(folder) / "clip.mp4", _PICTURE)
            with av.open(str(path)) as container:
                images = [
                    frame.reformat(
                        tiny.SIZE, tiny.SIZE, "rgb24", interpolation="BILINEAR"
                    ).to_ndarray()
                    for frame in container.decode(video=0)
                ]
            moments = pretraining.moments(scene, _PICTURE.fps)
            chosen = np.linspace(0, len(images) - 1, size).astype(int)
            yield _batch([images[i] for i in chosen], [moments[i] for i in chosen])


def _batch(frames: list[np.ndarray], moments: list[tuple[Shot, float]]) -> Batch:
    cells = len(frames), CELLS, CELLS
    batch = Batch(
        np.stack(frames),
        np.zeros(cells, bool),
        {name: np.zeros(cells, np.int32) for name in ATTRIBUTES},
        np.zeros((*cells, 2), np.float32),
    )
    for index, (shot, t) in enumerate(moments):
        dx, dy = shot.camera.offset(t)
        for actor in shot.actors:
            pose = actor.motion.pose(t)
            pose = pose._replace(x=pose.x + dx, y=pose.y + dy)
            _label(batch, index, actor.thing, pose)
    return batch


def _label(batch: Batch, index: int, thing: Thing, pose: Pose) -> None:
    """Labels the cells whose centres a thing covers, and the cell of its own centre."""
    radius = thing.radius * pose.scale
    x = (np.arange(CELLS) + 0.5) / CELLS * WIDTH
    y = (np.arange(CELLS) + 0.5) / CELLS * HEIGHT
    dx, dy = pose.x - x[None, :], pose.y - y[:, None]
    own = (np.abs(dx) <= WIDTH / CELLS / 2) & (np.abs(dy) <= HEIGHT / CELLS / 2)
    where = (np.hypot(dx, dy) < 0.85 * radius) | own
    batch.covered[index][where] = True
    classes = {
        "shape": SHAPES.index(thing.shape),
        "colour": tuple(COLOURS).index(thing.colour),
        "texture": TEXTURES.index(thing.texture),
        "size": int(np.searchsorted(SIZE_BOUNDS, radius)),
    }
    for name, label in classes.items():
        batch.attributes[name][index][where] = label
    ways = np.stack(np.broadcast_arrays(dx, dy), axis=-1)
    batch.offsets[index][where] = ways[where]


# -------------------------------------------------------------------- training


def trainable(seed: int) -> tf.keras.Model:
    """Builds `tiny` with batch normalisation, and one linear head a question."""
    frames = tf.keras.Input((tiny.SIZE, tiny.SIZE, 3))
    x = tf.keras.layers.Rescaling(1 / 127.5, offset=-1.0)(frames)
    for index, block in enumerate(tiny.BLOCKS):
        x = tf.keras.layers.Conv2D(
            block.width,
            block.kernel,
            strides=block.stride,
            padding="same",
            use_bias=False,
            kernel_initializer=tf.keras.initializers.HeNormal(seed + index),
            name=block.name,
        )(x)
        x = tf.keras.layers.BatchNormalization(
            momentum=0.95, name=f"{block.name}_norm"
        )(x)
        x = tf.keras.layers.ReLU()(x)
    widths = {"covered": 1, "offsets": 2, **ATTRIBUTES}
    heads = {
        name: tf.keras.layers.Dense(width, kernel_initializer="zeros", name=name)(x)
        for name, width in widths.items()
    }
    return tf.keras.Model(frames, heads)


def loss(answers: Mapping[str, tf.Tensor], batch: Batch) -> tf.Tensor:
    """Returns the loss of cover in every cell, and of all else in covered cells."""
    cover = tf.cast(batch.covered, tf.float32)  # (B, 7, 7)
    total = tf.reduce_mean(
        tf.nn.sigmoid_cross_entropy_with_logits(cover, answers["covered"][..., 0])
    )
    weight = cover / tf.reduce_sum(cover)
    for name in ATTRIBUTES:
        surprise = tf.nn.sparse_softmax_cross_entropy_with_logits(
            batch.attributes[name], answers[name]
        )
        total += tf.reduce_sum(weight * surprise)
    error = tf.reduce_sum((answers["offsets"] - batch.offsets) ** 2, axis=-1)
    return total + 10.0 * tf.reduce_sum(weight * error)


def train(model: tf.keras.Model, steps: int, size: int, seed: int) -> None:
    """Trains a model of `trainable` on fresh pictures."""
    pretraining.train(model, loss, training_batches(seed, size), steps)


def folded(model: tf.keras.Model) -> dict[str, np.ndarray]:
    """Returns `tiny`'s weights, with each normalisation folded into its convolution."""
    return pretraining.folded(model, [block.name for block in tiny.BLOCKS])


def accuracies(
    backbone: tf.keras.Model, heads: tf.keras.Model, batches: Iterator[Batch]
) -> dict[str, float]:
    """Returns the accuracy of each question, from `tiny`'s map with float16 weights."""
    right = dict.fromkeys(("covered", *ATTRIBUTES), 0)
    cells = covered = 0
    for batch in batches:
        grid = backbone(tf.cast(batch.frames, tf.float32), training=False)
        answers = {
            name: heads.get_layer(name)(grid).numpy()
            for name in ("covered", *ATTRIBUTES)
        }
        cells += batch.covered.size
        covered += batch.covered.sum()
        said = answers["covered"][..., 0] > 0
        right["covered"] += (said == batch.covered).sum()
        for name in ATTRIBUTES:
            hit = answers[name].argmax(-1) == batch.attributes[name]
            right[name] += (hit & batch.covered).sum()
    return {
        name: float(count) / float(cells if name == "covered" else covered)
        for name, count in right.items()
    }


def main(
    out: Annotated[pathlib.Path, typer.Option(help="The weight file.")] = tiny.BUILTIN,
    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps.")] = 1500,
    batch: Annotated[int, typer.Option(min=1, help="Pictures a step.")] = 64,
    seed: Annotated[int, typer.Option(help="Of pictures and weights.")] = 0,
    clips: Annotated[int, typer.Option(min=1, help="Held-out clips.")] = 200,
) -> None:
    """Trains the built-in backbone on pictures of the moving world."""
    tf.config.experimental.enable_op_determinism()
    print(
        f"Training tiny on {steps * batch} pictures of the moving world, seed {seed}."
    )
    model = trainable(seed)
    train(model, steps, batch, seed)
    builtin_weights.save(folded(model), out)
    print(f"Wrote {out} ({out.stat().st_size / 1024:.0f} KiB).")
    print(f"Right answers in frames of {clips} held-out H.264 clips:")
    backbone = tiny.build(weights=out)
    for name, share in accuracies(backbone, model, clip_batches(clips, 8)).items():
        print(f"  {name:8} {share:.3f}")


if __name__ == "__main__":
    typer.run(main)
