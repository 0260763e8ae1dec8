"""Numbers about a clip that stand in its description: what can drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from transform.records import example_codec
from transform.records.manifest import ManifestRow
from transform.schema import FeatureLayout, FeatureSpec, Label, Raw

# Of the file, as the manifest has them, and of the captions.
OF_CLIP = ("clip_seconds", "clip_frames", "clip_fps", "clip_width", "clip_height")
WORDS = "clip_words"  # of a caption, on average


def names(spec: FeatureSpec) -> tuple[str, ...]:
    """Returns the names of all numbers about clips of a specification."""
    return (*OF_CLIP, WORDS, *(size_name(tensor) for tensor in _measured(spec)))


def size_name(tensor: FeatureLayout) -> str:
    """Returns the name of the size of a feature's values."""
    return f"clip_rms_{tensor.name}"


def numbers(
    row: ManifestRow,
    captions: Sequence[str],
    encoded: Mapping[str, bytes],
    spec: FeatureSpec,
) -> dict[str, float]:
    """Returns the numbers about one clip by their names.

    A feature's is the root of the mean square of its values; optical flow, which is
    stored as bytes around 128, is measured from there, so that it is the strength of
    motion. A feature that the clip lacks has none.

    Args:
        row: What the extraction found.
        captions: The clip's.
        encoded: The features' bytes, as records have them.
        spec: What they were made by.
    """
    found = {name: float(getattr(row, name.removeprefix("clip_"))) for name in OF_CLIP}
    words = [len(caption.split()) for caption in captions]
    found[WORDS] = float(np.mean(words)) if words else 0.0
    for tensor in _measured(spec):
        if data := encoded.get(tensor.name):
            values = example_codec.decode_tensor(data, tensor).astype(np.float32)
            if not isinstance(tensor.encoding, Raw):
                values = (values - 128) / 127
            found[size_name(tensor)] = float(np.sqrt(np.mean(np.square(values))))
    return found


def describe(example: tf.train.Example, found: Mapping[str, float]) -> None:
    """Adds the numbers to a record."""
    for name, value in found.items():
        example.features.feature[name].float_list.value[:] = [value]


def _measured(spec: FeatureSpec) -> list[FeatureLayout]:
    """Returns the features with values; a name of a category has none."""
    return [t for t in spec.tensors() if not isinstance(t.encoding, Label)]
