"""Which features a caller can send as pictures, for a graph that has the network."""

from __future__ import annotations

from transform.common.config import ConfigError
from transform.schema import FeatureLayout, FeatureSpec, FrameGrid, KeyFrames, Raw

# What the features of one network may differ in.
_VARIED = {"name": "", "layer": "", "grid": (), "width": 1, "weights": ""}


def maps_of(spec: FeatureSpec) -> list[FrameGrid]:
    """Returns the features that are made of pictures of key frames.

    Raises:
        ConfigError: There are none, they are made of different pictures, or others
            could not be told by pictures or text.
    """
    maps = [each for each in spec.features if isinstance(each, FrameGrid)]
    if not maps:
        raise ConfigError("caption_frames is for models that read a network's maps.")
    first = maps[0]
    for each in maps:
        if not isinstance(each.at, KeyFrames):
            raise ConfigError(f"feature {each.name} is not made at the key frames.")
        if each.replace(**_VARIED) != first.replace(**_VARIED):
            raise ConfigError(
                f"features {first.name} and {each.name} are of two networks, or of "
                "pictures of two sizes; caption_frames has one of each."
            )
    for tensor in others_of(spec):
        if isinstance(tensor.encoding, Raw):
            raise ConfigError(
                f"feature {tensor.name} is neither a map of key frames, nor stored as "
                "pictures or text."
            )
    return maps


def others_of(spec: FeatureSpec) -> list[FeatureLayout]:
    """Returns the layouts of the features that callers send as records hold them."""
    maps = {each.name for each in spec.features if isinstance(each, FrameGrid)}
    return [tensor for tensor in spec.tensors() if tensor.name not in maps]
