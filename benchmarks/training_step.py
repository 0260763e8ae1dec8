"""Where a training step's time goes, and what a beam costs, at the demo's widths.

    python benchmarks/training_step.py [--frames 20] [--clips 32] [--captions 5]

Random clips: flow 56×56×12, a 7×7×64 grid; an LSTM of 256 units, 500 words, captions of
16. Wall times are medians; CPU times, means over all threads.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from keras_models import generation
from keras_models.captioner import Captioner
from keras_models.presets import registry
from keras_models.structs import TrainingBatch, VideoBatch
from transform.schema import FeatureSpec, Flow, FrameGrid, FrameSampling

VOCABULARY, LENGTH = 500, 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--captions", type=int, default=5)
    parser.add_argument("--stride", type=int, default=1, help="of the first layer")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()

    grid = FrameGrid(
        name="tiny", network="tiny", layer="grid", size=112, grid=(7, 7), width=64
    )
    spec = FeatureSpec(
        sampling=FrameSampling(frames=options.frames), features=(Flow(size=56), grid)
    )
    spatial = {"channels": [16, 32, 32, 32], "first_stride": options.stride}
    config = registry.get("mgsa").model.override(
        {
            "encoder": {"grid": "tiny", "spatial": spatial},
            "attentions": [{"kind": "additive", "units": 128}],
            "decoder": {"units": 256, "embedding": 256},
        }
    )
    model = Captioner(config, spec, VOCABULARY, LENGTH - 1).build_from_spec()
    batch = _batch(spec, options.clips, options.captions)
    optimizer = tf.keras.optimizers.legacy.Adam(1e-3)

    def encode() -> tf.Tensor:
        return model.encode(batch.video).frames

    def encode_and_differentiate() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(encode())
        return tape.gradient(total, model.encoder.trainable_weights)

    def update() -> tf.Tensor:
        tokens = tf.reshape(batch.tokens, [-1, LENGTH])
        with tf.GradientTape() as tape:
            log_probs = model.teacher_force(batch, training=True).log_probs
            gained = tf.gather(log_probs, tokens, axis=-1, batch_dims=2)
            loss = -tf.reduce_mean(gained)
        gradients = tape.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        return loss

    def beam() -> tf.Tensor:
        start = model.start(model.encode(batch.video))
        return generation.BeamSearch().search(model.step, *start, LENGTH - 1).tokens

    for run in (encode, encode_and_differentiate, update, beam):
        _report(run, options.rounds)


def _batch(spec: FeatureSpec, clips: int, captions: int) -> TrainingBatch:
    random = np.random.default_rng(0)
    flow, grid = ((clips, t.max_steps, *t.step_shape) for t in spec.tensors())
    features = {
        "flow": tf.constant(random.integers(100, 156, flow), tf.uint8),
        "tiny": tf.constant(random.normal(size=grid), tf.float16),
    }
    masks = {name: tf.ones(flow[:2], tf.bool) for name in features}
    tokens = random.integers(4, VOCABULARY, (clips, captions, LENGTH))
    video = VideoBatch(tf.fill([clips], ""), features, masks)
    return TrainingBatch(video, tf.constant(tokens, tf.int32))


def _report(run: Callable, rounds: int) -> None:
    function = tf.function(run, autograph=False)
    start = time.perf_counter()
    function()
    first = time.perf_counter() - start
    walls, cpu = [], time.process_time()
    for _ in range(rounds):
        start = time.perf_counter()
        tf.nest.map_structure(lambda leaf: leaf.numpy(), function())
        walls.append(time.perf_counter() - start)
    cpu = (time.process_time() - cpu) / rounds
    print(
        f"{run.__name__:<26}{1000 * statistics.median(walls):>7.0f} ms "
        f"{1000 * cpu:>7.0f} ms cpu   first call {first:.1f} s"
    )


if __name__ == "__main__":
    main()
