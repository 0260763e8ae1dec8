"""SavedModels that say of each clip what a table has, by Kinescribe's signatures."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from serving.common import signature_names as names
from serving.export import warmup
from transform import schema
from transform.records import example_codec
from transform.records.dataset import ExtractedDataset
from transform.records.manifest import Manifest, ManifestRow
from transform.schema import FeatureSpec, Flow, FrameSampling

SPEC = FeatureSpec(sampling=FrameSampling(frames=2, window=2), features=(Flow(size=8),))
OTHER_SPEC = SPEC.override({"sampling": {"resize": "area"}})


class Speaker(tf.Module):
    """Looks a clip's caption up by its id.

    Args:
        captions: By clip.
        spec: That it says it was made for.
        log_prob: Of every caption.
        effort: Rounds of work before it speaks.
    """

    def __init__(
        self,
        captions: Mapping[str, str],
        spec: FeatureSpec = SPEC,
        log_prob: float = -1.0,
        effort: int = 0,
    ):
        super().__init__()
        table = tf.lookup.KeyValueTensorInitializer(
            list(captions), list(captions.values())
        )
        self.table = tf.lookup.StaticHashTable(table, "")
        text = "|".join(f"{clip}={said}" for clip, said in captions.items())
        self.weights = tf.Variable(text)  # captions are what tells weights apart
        self.spec, self.log_prob, self.effort = spec, log_prob, effort

    def signatures(self) -> dict:
        strings = tf.TensorSpec([None], tf.string)
        features = {schema.SPEC_HASH: strings}
        for tensor in self.spec.tensors():
            shape = [None, tensor.max_steps]
            features[tensor.name] = tf.TensorSpec(
                [*shape, *tensor.step_shape], tensor.dtype
            )
            features[names.mask_name(tensor.name)] = tf.TensorSpec(shape, tf.bool)

        def traced(function, inputs):
            specs = {k: tf.TensorSpec(s.shape, s.dtype, k) for k, s in inputs.items()}
            call = tf.function(lambda **tensors: function(tensors), autograph=False)
            return call.get_concrete_function(**specs)

        examples = traced(self._examples, {names.EXAMPLES: strings})
        return {
            "serving_default": examples,
            names.CAPTION_EXAMPLES_SIGNATURE: examples,
            names.CAPTION_SIGNATURE: traced(self._features, features),
            names.FEATURE_SPEC_SIGNATURE: traced(
                self._described, {names.REQUEST: strings}
            ),
        }

    def _examples(self, inputs):
        columns = {schema.VIDEO_ID: tf.io.FixedLenFeature([], tf.string, "")}
        parsed = tf.io.parse_example(inputs[names.EXAMPLES], columns)
        return self._said(self.table.lookup(parsed[schema.VIDEO_ID]))

    def _features(self, inputs):
        clips = tf.identity(inputs[schema.SPEC_HASH])
        kept = [tf.identity(value) for value in inputs.values()]
        with tf.control_dependencies(kept):
            return self._said(tf.fill(tf.shape(clips), "blank"))

    def _said(self, captions):
        rows = tf.shape(captions)[0]
        work = tf.fill([160, 160], tf.cast(rows, tf.float32) / 1000)
        for _ in range(self.effort):
            work = tf.nn.softmax(tf.matmul(work, work))
        words = tf.strings.split(captions).to_tensor("", shape=[None, 40])
        wasted = tf.minimum(tf.reduce_sum(work), 0)  # 0, which no optimiser knows
        return {
            names.CAPTION: captions,
            names.CAPTIONS: captions[:, None],
            names.LOG_PROBS: tf.fill([rows, 1], self.log_prob) + wasted,
            names.WORDS: words[:, None],
        }

    def _described(self, inputs):
        rows = tf.shape(inputs[names.REQUEST])
        constants = {
            schema.SPEC_HASH: self.spec.content_hash,
            names.SPEC_JSON: self.spec.to_json(),
            names.VOCABULARY_DIGEST: "0" * 16,
            names.VARIANT_JSON: "{}",
            names.ATTENTION_JSON: "{}",
        }
        return {name: tf.fill(rows, text) for name, text in constants.items()}


def write_speaker(folder: pathlib.Path, captions: Mapping[str, str], **settings) -> str:
    """Exports a `Speaker` with specification and warm-up requests."""
    speaker = Speaker(captions, **settings)
    tf.saved_model.save(speaker, str(folder), signatures=speaker.signatures())
    spec = speaker.spec
    assets = folder / "assets"
    assets.mkdir(exist_ok=True)
    (assets / names.SPEC_ASSET).write_text(spec.to_json())
    calls = warmup.requests(names.MODEL_NAME, spec, [warmup.blank_example(spec)])
    warmup.write(str(folder), calls)
    return str(folder)


def write_records(
    folder: pathlib.Path,
    references: Mapping[str, tuple[str, ...]],
    training: Mapping[str, tuple[str, ...]],
    categories: Mapping[str, str],
    failed: int = 0,
) -> ExtractedDataset:
    """Writes records of clips in which nothing moves, and their manifest."""
    flow = {"flow": np.full((2, 8, 8, 2), 128, np.uint8)}
    rows = []
    for split, clips in (("test", references), ("train", training)):
        shard = ExtractedDataset.shard_path(split, 0, 1)
        (folder / shard).parent.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(folder / shard)) as writer:
            for clip, captions in clips.items():
                video = example_codec.VideoExample(
                    clip, captions, flow, categories.get(clip, "")
                )
                example = example_codec.to_example(video, SPEC)
                writer.write(example.SerializeToString())
                rows.append(_row(clip, split, shard))
    rows += [
        _row(f"gone{number}", "test", "")._replace(status="failed", reason="gone")
        for number in range(failed)
    ]
    dataset = ExtractedDataset(folder)
    dataset.write_spec(SPEC)
    dataset.write_manifest(Manifest(rows))
    return dataset


def _row(clip: str, split: str, shard: str) -> ManifestRow:
    values = dict.fromkeys(ManifestRow._fields, "")
    numbers = ("packets_lost", "frames", "width", "height")
    values |= dict.fromkeys(numbers, 0) | {"seconds": 1.0, "fps": 25.0}
    values |= {"video_id": clip, "split": split, "status": "ok", "shard": shard}
    values |= {"clip_hash": f"hash-{clip}", "start": None, "end": None}
    return ManifestRow(**values)
