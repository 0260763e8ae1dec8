"""The features that the papers' models read, at the sizes the papers report."""

from __future__ import annotations

from collections.abc import Mapping

from keras_models.fused_variant import FusedVariant
from keras_models.variant import Variant
from transform.msrvtt_categories import MSRVTT_CATEGORIES
from transform.schema import (
    AudioWords,
    Category,
    Feature,
    FeatureSpec,
    Flow,
    FrameGrid,
    Imported,
    LogMel,
    Sampling,
    VGGish,
)

_FRAMES = 20  # MGSA Sec. 4.2, VRE Sec. IV: key frames of a clip
_CHUNKS = 60  # STaTS Sec. 4.1: one per 16 frames; MSR-VTT's clips last up to 32 s
_C3D_FRAMES = 128  # dualAFR: 2 a second, of clips of a minute
_SEGMENTS = 20  # VATEX Sec. 2.1: one per 32 frames; its clips last 10 s

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
    Imported(
        name="googlenet",
        shape=(7, 7, 1024),
        max_steps=_FRAMES,
        origin="GoogLeNet's last inception module",
    ),
    Imported(
        name="c3d",
        shape=(4096,),
        max_steps=_FRAMES,
        origin="fc6 of C3D, trained on Sports-1M, around each key frame",
    ),
    AudioWords(),
    Category(names=MSRVTT_CATEGORIES),
    Imported(
        name="i3d_rgb",
        shape=(7, 7, 2048),
        max_steps=_CHUNKS,
        origin="Mixed_5c of I3D, 16 frames at a time: 2 × 7 × 7 × 1024, times joined",
    ),
    Imported(
        name="i3d_flow",
        shape=(7, 7, 2048),
        max_steps=_CHUNKS,
        origin="as i3d_rgb, of optical flow",
    ),
    Imported(
        name="c3d_pool5",
        shape=(4, 4, 512),
        max_steps=_CHUNKS,
        origin="pool5 of C3D, trained on Sports-1M",
    ),
    Imported(
        name="c3d_pool2",
        shape=(28, 28, 128),
        max_steps=_C3D_FRAMES // 2,
        origin="pool2 of C3D, trained on Sports-1M, of all frames at once",
    ),
    Imported(
        name="c3d_pool3",
        shape=(14, 14, 256),
        max_steps=_C3D_FRAMES // 4,
        origin="as c3d_pool2, pool3",
    ),
    Imported(
        name="c3d_pool4",
        shape=(7, 7, 512),
        max_steps=_C3D_FRAMES // 8,
        origin="as c3d_pool2, pool4",
    ),
    Imported(
        name="c3d_fc7",
        shape=(4096,),
        max_steps=_C3D_FRAMES // 8 - 1,
        origin="fc7 of C3D, trained on Sports-1M, of 16 frames every 8",
    ),
    Imported(
        name="rcnn_regions",
        shape=(10, 2048),
        max_steps=_CHUNKS,
        origin="Faster R-CNN's 10 best boxes every 16 frames; absent ones are zeros",
    ),
    Imported(
        name="resnext101",
        shape=(2048,),
        max_steps=_SEGMENTS,
        origin="ResNeXt-101's pooled map every 32 frames",
    ),
    Imported(
        name="ir_csn",
        shape=(2048,),
        max_steps=_SEGMENTS,
        origin="ir-CSN-152's pooled map, 32 frames at a time",
    ),
    VGGish(max_patches=_SEGMENTS),
    Imported(
        name="object_image",
        shape=(10, 2048),
        max_steps=_SEGMENTS,
        origin="Mask R-CNN's boxes on ResNeXt-101's map; absent ones are zeros",
    ),
    Imported(
        name="object_motion",
        shape=(10, 2048),
        max_steps=_SEGMENTS,
        origin="Mask R-CNN's boxes on ir-CSN-152's map; absent ones are zeros",
    ),
)

PAPER_FEATURES: Mapping[str, Feature] = {feature.name: feature for feature in _FEATURES}


def paper_spec(variant: Variant | FusedVariant) -> FeatureSpec:
    """What a variant reads, as its paper describes it.

    Raises:
        KeyError: The variant reads a feature that no paper has.
    """
    return FeatureSpec(
        sampling=Sampling(frames=_FRAMES),
        features=tuple(PAPER_FEATURES[name] for name in variant.features()),
    )
