"""Records of a small specification."""

import numpy as np
import tensorflow as tf

from transform.records import example_codec
from transform.records.example_codec import VideoExample
from transform.schema import FeatureSpec, Flow, FrameGrid, FrameSampling

SPEC = FeatureSpec(
    sampling=FrameSampling(frames=2, window=3),
    features=(
        Flow(size=8),
        FrameGrid(
            name="grid", network="tiny", layer="out", size=8, grid=(1, 1), width=4
        ),
    ),
)


def captions_of(index):
    return ("a ball rolls", f"the ball number {index} rolls")[: 1 + index % 2]


def write_records(path, spec=SPEC, clips=8):
    """A file of `clips` records; the first one lacks a feature."""
    flow = np.full((2, 8, 8, 4), 128, np.uint8)
    grid = np.zeros((2, 1, 1, 4), np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for index in range(clips):
            video = VideoExample(
                video_id=f"video{index}",
                captions=captions_of(index),
                features={"flow": flow, "grid": grid} if index else {"flow": flow},
                category="ball",
                clip_length="under_5s",
                clip_hash=f"{index:016x}",
            )
            writer.write(example_codec.to_example(video, spec).SerializeToString())
