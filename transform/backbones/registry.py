"""Tables of the frozen networks by the names that specifications give them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import TypeVar

from transform.backbones.detector import DetectorNetwork
from transform.backbones.network import ChunkNetwork, Network

NetworkT = TypeVar("NetworkT")


class NetworkTable(Mapping[str, NetworkT]):
    """A table whose networks are imported when they are first looked up.

    Args:
        places: for each network, its module in `transform.backbones` and its name
            there.
    """

    def __init__(self, places: Mapping[str, tuple[str, str]]):
        self._places = places

    def __getitem__(self, name: str) -> NetworkT:
        module, attribute = self._places[name]
        return getattr(importlib.import_module(f"{__package__}.{module}"), attribute)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


NETWORKS: Mapping[str, Network] = NetworkTable(
    {
        "tiny": ("tiny", "TINY"),
        "inception_resnet_v2": ("keras_applications", "INCEPTION_RESNET_V2"),
        "resnet50": ("keras_applications", "RESNET50"),
        "resnet101": ("keras_applications", "RESNET101"),
        "resnet152": ("keras_applications", "RESNET152"),
        "vgg16": ("keras_applications", "VGG16"),
        "googlenet": ("googlenet", "GOOGLENET"),
        "resnext101": ("resnext", "RESNEXT101"),
        "efficientnet_lite0": ("efficientnet_lite", "LITE0"),
        "efficientnet_lite1": ("efficientnet_lite", "LITE1"),
        "efficientnet_lite2": ("efficientnet_lite", "LITE2"),
    }
)

CHUNK_NETWORKS: Mapping[str, ChunkNetwork] = NetworkTable(
    {
        "tiny3d": ("tiny3d", "PIXELS"),
        "tiny3d_flow": ("tiny3d", "FLOW"),
        "c3d": ("c3d", "C3D"),
        "i3d_rgb": ("i3d", "RGB"),
        "i3d_flow": ("i3d", "FLOW"),
        "ir_csn152": ("ir_csn", "IR_CSN152"),
    }
)

DETECTORS: Mapping[str, DetectorNetwork] = NetworkTable(
    {
        "tiny": ("tiny_detector", "DETECTOR"),
        "mask_rcnn": ("mask_rcnn", "MASK_RCNN"),
        "faster_rcnn": ("mask_rcnn", "FASTER_RCNN"),
    }
)
