"""The features that the papers' models read, at the sizes the papers report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from keras_models.captioner_config import CaptionerConfig
from keras_models.ensembling.late_fusion import LateFusionConfig
from transform.datasets.msrvtt_categories import MSRVTT_CATEGORIES
from transform.schema import (
    AudioWords,
    Category,
    CentreCrop,
    ChunkGrid,
    ChunkMap,
    Feature,
    FeatureSpec,
    Flow,
    FlowInput,
    FrameGrid,
    FrameMap,
    FrameSampling,
    KeyFrames,
    LogMel,
    MeanFile,
    Objects,
    PixelInput,
    Placement,
    Proposals,
    Regions,
    RegionSelection,
    ShortSide,
    Stretch,
    Strided,
    VGGish,
    WholeClip,
)

_FRAMES = 20  # MGSA Sec. 4.2, VRE Sec. IV: key frames of a clip
_CHUNKS = 60  # STaTS Sec. 4.1: one per 16 frames; MSR-VTT's clips last up to 32 s
_C3D_FRAMES = 128  # dualAFR: of clips of a minute
_C3D_FPS = 2.0  # dualAFR: frames a second
_SEGMENTS = 20  # VATEX Sec. 2.1: one per 32 frames; its clips last 10 s

_CHUNKS_OF_16 = Strided(frames=16, max_steps=_CHUNKS, fps=25.0)
_CHUNKS_OF_32 = Strided(frames=32, max_steps=_SEGMENTS)

# Names of the published files, looked for in the folder of weights.
_C3D_WEIGHTS = "conv3d_deepnetA_sport1m_iter_1900000"
_C3D_MEAN = "sport1m_train16_128_mean.binaryproto"
_RESNEXT_WEIGHTS = "resnext101_32x8d-8ba56ff5.pth"
_IR_CSN_WEIGHTS = (
    "ircsn_ig65m-pretrained-r152_8xb12-32x2x1-58e_kinetics400-rgb_20220811-c7a3cc5b.pth"
)

_MASK_RCNN_WEIGHTS = "mask_rcnn_coco.h5"

# Rows, columns and width of C3D's layers.
_C3D_LAYERS: Mapping[str, tuple[tuple[int, ...], int]] = {
    "pool2": ((28, 28), 128),
    "pool3": ((14, 14), 256),
    "pool4": ((7, 7), 512),
    "pool5": ((4, 4), 512),
    "fc6": ((), 4096),
    "fc7": ((), 4096),
}


def _c3d(name: str, layer: str, at: Placement) -> ChunkGrid:
    """C3D of chunks of 16 frames, preprocessed as for Sports-1M."""
    grid, width = _C3D_LAYERS[layer]
    return ChunkGrid(
        name=name,
        network="c3d",
        layer=layer,
        size=112,
        at=at,
        fit=CentreCrop(rows=128, columns=171),
        input=PixelInput(mean=MeanFile(weights=_C3D_MEAN)),
        times="steps",
        grid=grid,
        width=width,
        weights=_C3D_WEIGHTS,
    )


def _dual_afr(name: str, layer: str, at: Placement, times: int = 1) -> ChunkGrid:
    """C3D of frames that were resized to squares, as dualAFR has them.

    There is no mean of such frames; the means of the colours are subtracted.
    """
    return _c3d(name, layer, at).replace(
        fit=Stretch(), input=PixelInput(), map_times=times
    )


def _i3d(name: str, checkpoint: str, pixels: PixelInput | FlowInput) -> ChunkGrid:
    """Mixed_5c of I3D, 2 × 7 × 7 × 1024 for every 16 frames, preprocessed as there."""
    return ChunkGrid(
        name=name,
        network=name,
        layer="Mixed_5c",
        size=224,
        at=_CHUNKS_OF_16,
        fit=ShortSide(side=256),
        input=pixels,
        map_times=2,
        times="join",
        grid=(7, 7),
        width=2048,
        weights=f"{checkpoint}/model.ckpt",
    )


def _objects(
    name: str,
    detector: Literal["faster_rcnn", "mask_rcnn"],
    at: Placement,
    source: FrameMap | ChunkMap,
    select: RegionSelection,
) -> Regions:
    """Ten regions of a frame at the most, on another network's map.

    Mask R-CNN's COCO weights without its mask head are a Faster R-CNN too.
    """
    return Regions(
        name=name,
        detector=detector,
        at=at,
        count=10,
        select=select,
        source=source,
        weights=_MASK_RCNN_WEIGHTS,
    )


_ALL_OBJECTS = Objects(min_score=0.0)  # VATEX Sec. 2.1: up to 10
_WHOLE = WholeClip(max_frames=_C3D_FRAMES, fps=_C3D_FPS)

_FEATURES: tuple[Feature, ...] = (
    Flow(),
    FrameGrid(
        name="inception_resnet_v2",
        network="inception_resnet_v2",
        layer="conv_7b_ac",
        size=299,
        grid=(8, 8),
        width=1536,
        weights="imagenet",
    ),
    FrameGrid(
        name="resnet152_grid",
        network="resnet152",
        layer="conv5_block3_out",
        size=224,
        grid=(7, 7),
        width=2048,
        weights="imagenet",
    ),
    LogMel(),
    FrameGrid(
        name="googlenet",
        network="googlenet",
        layer="Mixed_5c",
        size=224,
        grid=(7, 7),
        width=1024,
        weights="inception_v1.ckpt",
    ),
    _c3d("c3d", "fc6", KeyFrames()),
    AudioWords(),
    Category(names=MSRVTT_CATEGORIES),
    _i3d("i3d_rgb", "rgb_imagenet", PixelInput()),
    _i3d("i3d_flow", "flow_imagenet", FlowInput()),
    _c3d("c3d_chunks", "pool5", Strided(frames=16, max_steps=_CHUNKS)),
    _dual_afr("c3d_pool2", "pool2", _WHOLE, times=8),
    _dual_afr("c3d_pool3", "pool3", _WHOLE, times=4),
    _dual_afr("c3d_pool4", "pool4", _WHOLE, times=2),
    _dual_afr("c3d_pool5", "pool5", _WHOLE),
    _dual_afr(
        "c3d_fc7",
        "fc7",
        Strided(frames=8, max_steps=_C3D_FRAMES // 8 - 1, fps=_C3D_FPS),
    ),
    _objects(
        "rcnn_regions",
        "faster_rcnn",
        _CHUNKS_OF_16,
        FrameMap(
            network="resnet101",
            layer="conv5_block3_out",
            size=448,
            grid=(14, 14),
            width=2048,
            weights="imagenet",
        ),
        Proposals(),  # Sec. 4.1: a fixed 10 boxes
    ),
    FrameGrid(
        name="resnext101",
        network="resnext101",
        layer="avgpool",
        size=224,
        at=_CHUNKS_OF_32,
        fit=ShortSide(side=256),
        grid=(),
        width=2048,
        weights=_RESNEXT_WEIGHTS,
    ),
    ChunkGrid(
        name="ir_csn",
        network="ir_csn152",
        layer="avg_pool",
        size=224,
        chunk=32,
        at=_CHUNKS_OF_32,
        fit=ShortSide(side=256),
        grid=(),
        width=2048,
        weights=_IR_CSN_WEIGHTS,
    ),
    VGGish(max_patches=_SEGMENTS),
    _objects(
        "object_image",
        "mask_rcnn",
        _CHUNKS_OF_32,
        FrameMap(
            network="resnext101",
            layer="layer4",
            size=224,
            grid=(7, 7),
            width=2048,
            weights=_RESNEXT_WEIGHTS,
        ),
        _ALL_OBJECTS,
    ),
    _objects(
        "object_motion",
        "mask_rcnn",
        _CHUNKS_OF_32,
        ChunkMap(
            network="ir_csn152",
            layer="layer4",
            size=224,
            chunk=32,
            map_times=4,
            grid=(7, 7),
            width=2048,
            weights=_IR_CSN_WEIGHTS,
        ),
        _ALL_OBJECTS,
    ),
)

PAPER_FEATURES: Mapping[str, Feature] = {feature.name: feature for feature in _FEATURES}


def paper_spec(config: CaptionerConfig | LateFusionConfig) -> FeatureSpec:
    """Returns the features that a model reads, as its paper describes them.

    Raises:
        KeyError: The model reads a feature that no paper has.
    """
    return FeatureSpec(
        sampling=FrameSampling(frames=_FRAMES),
        features=tuple(PAPER_FEATURES[name] for name in config.features()),
    )
