"""Trains the head of the detector `tiny` on pictures of the moving world.

The pictures are those of `tools.pretrain_tiny`, scaled into a square with black above
and below, as a detector sees frames. What is reported is how many of the things in
frames of H.264 clips are found, whose seeds no corpus uses.
"""

from __future__ import annotations

import math
import pathlib
import random
import tempfile
from collections.abc import Iterator, Sequence
from typing import Annotated, NamedTuple

import av
import cv2
import numpy as np
import tensorflow as tf
import typer

from tools import pretrain_tiny, pretraining
from transform.backbones import builtin_weights, loading, tiny, tiny_detector
from transform.backbones.tiny_detector import SIZE, STRIDE
from transform.moving_world import render
from transform.moving_world.corpus import UNUSED_SEEDS
from transform.moving_world.encode import Picture, render_clip
from transform.moving_world.scenes import HEIGHT, WIDTH, Shot
from transform.moving_world.subsets import SUBSETS, sample_scene
from transform.schema import FrameMap, Objects, Regions
from transform.video.frame_requests import centre_crop

_PICTURE = Picture()
_ROWS = round(SIZE * HEIGHT / WIDTH)  # of the frame in the square
_FEATURE = Regions(
    name="found",
    detector="tiny",
    size=SIZE,
    select=Objects(min_score=0.5),
    source=FrameMap(network="tiny", layer="grid", size=112, grid=(7, 7), width=64),
)


class Batch(NamedTuple):
    """Pictures, with what each cell should say."""

    frames: np.ndarray  # (B, 128, 128, 3) uint8
    middle: np.ndarray  # (B, 16, 16) float32, 1 in the middle of a thing
    counts: np.ndarray  # (B, 16, 16) float32, 0 between the middle and the sides
    sides: np.ndarray  # (B, 16, 16, 4) float32 distances in pixels, 0 elsewhere


def boxes_at(shot: Shot, t: float) -> np.ndarray:
    """Returns the boxes (things, 4) of what a shot shows, in shares of the frame.

    y1, x1, y2, x2; what lies outside of the frame is cut off.
    """
    dx, dy = shot.camera.offset(t)
    found = []
    for actor in shot.actors:
        pose = actor.motion.pose(t)
        sine, cosine = math.sin(pose.angle), math.cos(pose.angle)
        turn = np.array([[cosine, sine], [-sine, cosine]])  # of row vectors
        corners = render.outline(actor.thing.shape) @ turn  # (points, 2) x, y
        corners = corners * actor.thing.radius * pose.scale
        corners += pose.x + dx, pose.y + dy
        corners /= WIDTH, HEIGHT
        found.append([*corners.min(0)[::-1], *corners.max(0)[::-1]])
    return np.clip(np.reshape(found, (-1, 4)), 0.0, 1.0)


def training_batches(seed: int, size: int) -> Iterator[Batch]:
    """Yields endless batches of fresh pictures."""
    rng = random.Random(f"detector:{seed}")
    while True:
        frames, truths = [], []
        for _ in range(size):
            shot = pretrain_tiny.picture(rng, pretrain_tiny.background(rng))
            frame = render.frame_at(shot, 0.0, _PICTURE.size)
            frame = cv2.resize(frame, (SIZE, _ROWS), interpolation=cv2.INTER_AREA)
            frames.append(centre_crop(frame, SIZE, SIZE, fill=0))
            truths.append(boxes_at(shot, 0.0))
        yield _batch(frames, truths)


def _batch(frames: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> Batch:
    cells = SIZE // STRIDE
    shape = len(frames), cells, cells
    batch = Batch(
        np.stack(frames),
        np.zeros(shape, np.float32),
        np.ones(shape, np.float32),
        np.zeros((*shape, 4), np.float32),
    )
    middles = tiny_detector.centres(SIZE)
    border = (SIZE - _ROWS) // 2
    for index, shares in enumerate(truths):
        edges = shares * (_ROWS, SIZE, _ROWS, SIZE) + (border, 0, border, 0)
        for low, high in zip(edges[:, :2], edges[:, 2:], strict=True):
            inside = ((middles > low) & (middles < high)).all(-1)
            reach = np.maximum((high - low) / 4, STRIDE / 2)
            core = (np.abs(middles - (low + high) / 2) <= reach).all(-1)
            batch.counts[index][inside] = 0.0
            batch.counts[index][core] = batch.middle[index][core] = 1.0
            sides = np.concatenate([middles - low, high - middles], -1)
            batch.sides[index][core] = np.maximum(sides, 0.0)[core]
    return batch


def trainable() -> tf.keras.Model:
    """Builds the head on the frozen network."""
    backbone = tiny.build(tiny_detector.LAYER, SIZE)
    backbone.trainable = False
    head = tiny_detector.build_head()
    return tf.keras.Model(backbone.input, head(backbone.output))


def loss(answers: tf.Tensor, batch: Batch) -> tf.Tensor:
    """Returns the cross-entropy of scores, and 1 − IoU of boxes in things' middles."""
    scores, sides = tiny_detector.split(answers)
    surprise = tf.nn.sigmoid_cross_entropy_with_logits(batch.middle, scores)
    things = tf.reduce_sum(batch.middle)
    total = tf.reduce_sum(batch.counts * surprise) / things
    shared = _area(tf.minimum(sides, batch.sides))
    union = _area(sides) + _area(batch.sides) - shared
    overlap = tf.math.divide_no_nan(shared, union)
    return total + tf.reduce_sum(batch.middle * (1.0 - overlap)) / things


def _area(sides: tf.Tensor) -> tf.Tensor:
    return (sides[..., 0] + sides[..., 2]) * (sides[..., 1] + sides[..., 3])


def recall(subset: str, clips: int, per_clip: int = 6) -> tuple[float, float]:
    """Returns how many things are found, and how many of the boxes are things.

    A thing is found if a box overlaps it by an IoU of 0.5; boxes have a score of 0.5 or
    more. Frames are spread over each of some H.264 clips of seeds that no corpus uses.
    """
    detect = loading.load_detector(_FEATURE)
    found = things = right = said = 0
    window = _FEATURE.fit.window(_PICTURE.height, _PICTURE.width, SIZE)
    with tempfile.TemporaryDirectory() as folder:
        for index in range(clips):
            scene = sample_scene(UNUSED_SEEDS + index, subset)
            path = render_clip(scene, pathlib.Path(folder) / "clip.mp4", _PICTURE)
            moments = pretraining.moments(scene, _PICTURE.fps)
            chosen = np.linspace(0, len(moments) - 1, per_clip).astype(int)
            frames = _decoded(path, chosen)
            detections = detect(np.stack(frames), window)
            for number, edges, scores in zip(
                chosen, detections.boxes, detections.scores, strict=True
            ):
                truth = boxes_at(*moments[number])
                overlaps = _overlaps(truth, edges[scores > 0])
                hits = overlaps >= 0.5
                found += int(hits.any(1).sum())
                right += int(hits.any(0).sum())
                things, said = things + hits.shape[0], said + hits.shape[1]
    return found / things, right / max(said, 1)


def _decoded(path: pathlib.Path, chosen: np.ndarray) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return [
        centre_crop(
            frames[index]
            .reformat(SIZE, _ROWS, "rgb24", interpolation="BILINEAR")
            .to_ndarray(),
            SIZE,
            SIZE,
            fill=0,
        )
        for index in chosen
    ]


def _overlaps(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Returns intersections over unions (A, B) of boxes (A, 4) and (B, 4)."""
    low = np.maximum(ours[:, None, :2], theirs[None, :, :2])
    high = np.minimum(ours[:, None, 2:], theirs[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(-1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(-1) for boxes in (ours, theirs)]
    return shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-9)


def main(
    out: Annotated[
        pathlib.Path, typer.Option(help="The weight file.")
    ] = tiny_detector.BUILTIN,
    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps.")] = 600,
    batch: Annotated[int, typer.Option(min=1, help="Pictures a step.")] = 64,
    seed: Annotated[int, typer.Option(help="Of pictures and weights.")] = 0,
    clips: Annotated[int, typer.Option(min=1, help="Held-out clips a subset.")] = 30,
) -> None:
    """Trains the built-in detector on pictures of the moving world."""
    tf.config.experimental.enable_op_determinism()
    tf.keras.utils.set_random_seed(seed)
    print(f"Training the detector tiny on {steps * batch} pictures, seed {seed}.")
    model = trainable()
    pretraining.train(model, loss, training_batches(seed, batch), steps)
    head = model.get_layer("tiny_detector")
    weights = {
        f"{layer.name}/{part}": value
        for layer in head.layers
        for part, value in zip(("kernel", "bias"), layer.get_weights(), strict=False)
    }
    builtin_weights.save(weights, out)
    print(f"Wrote {out} ({out.stat().st_size / 1024:.0f} KiB).")
    if out == tiny_detector.BUILTIN:
        print(f"Things found, and boxes that are things, in {clips} H.264 clips each:")
        for subset in SUBSETS:
            found, right = recall(subset, clips)
            print(f"  {subset:9} {found:.3f}  {right:.3f}")


if __name__ == "__main__":
    typer.run(main)
