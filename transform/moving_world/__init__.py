"""The synthetic corpus with known answers: real .mp4 files of small moving scenes.

    corpus = render_corpus(CorpusConfig(train=480, val=60, test=60), "demo/corpus")
    scene = sample_scene(seed=7, subset="order")
    render_clip(scene, "clip.mp4")
    sentences = describe(scene, count=10)

Nothing here imports TensorFlow.
"""

from transform.moving_world.corpus import (
    UNUSED_SEEDS,
    CorpusConfig,
    RenderedCorpus,
    clip_seed,
    render_corpus,
)
from transform.moving_world.encode import Picture, render_clip
from transform.moving_world.language import describe
from transform.moving_world.render import frames
from transform.moving_world.scenes import Scene
from transform.moving_world.subsets import SUBSETS, sample_scene

__all__ = [
    "SUBSETS",
    "UNUSED_SEEDS",
    "CorpusConfig",
    "Picture",
    "RenderedCorpus",
    "Scene",
    "clip_seed",
    "describe",
    "frames",
    "render_clip",
    "render_corpus",
    "sample_scene",
]
