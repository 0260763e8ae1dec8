"""The run configuration of every cell of the papers' tables."""

from __future__ import annotations

import os

from keras_models.presets import published, registry
from keras_models.presets.paper_features import paper_spec
from pipeline import published_corpora
from pipeline.configs import PipelineConfig
from transform.common.errors import KinescribeError
from transform.common.weight_files import FOLDER_VARIABLE
from transform.datasets import Official


def configuration(
    name: str, corpus: str, data: str = "", root: str = ""
) -> PipelineConfig:
    """Returns the run of a preset on a corpus as its paper describes it, in full.

    Args:
        name: Of a preset.
        corpus: Of a published corpus.
        data: Its folder, which need not exist; data/<corpus> by default.
        root: Folder for what the run makes; runs/<preset>-<corpus> by default.

    Raises:
        KinescribeError: There is no such preset, or no such corpus.
    """
    preset = registry.get(name)
    folder = data or os.path.join("data", corpus)
    published_corpus = published_corpora.get(corpus)
    splits = preset.run.splits.get(corpus, Official())
    label = f"{name}-{corpus}"
    vectors = preset.run.word_vectors
    return PipelineConfig.from_dict(
        {
            "name": label.replace("_", "-"),
            "root": root or os.path.join("runs", label),
            "corpus": published_corpus.source(folder, splits),
            "features": paper_spec(preset.model),
            "extraction": published_corpus.extraction,
            "vocabulary": {"min_count": preset.run.min_count},
            "training": {
                "variant": name,
                "model": preset.model.to_dict(),
                "plan": preset.plan,
                **preset.run.training(),
                "word_vectors": _place(vectors, folder) if vectors else None,
            },
            "search": preset.run.search,
        }
    )


def any_configuration(name: str) -> PipelineConfig:
    """Returns the run of a preset on one of its corpora, where that does not count."""
    corpus, *_ = corpora_of(name) or published_corpora.CORPORA
    return configuration(name, corpus)


def check_data(config: PipelineConfig, corpus: str, data: str) -> None:
    """Raises a `KinescribeError` that names what a run needs and does not find.

    Args:
        config: The run, maybe with changes to what `configuration` returned.
        corpus: The published corpus that it is of.
        data: The folder of the corpus.
    """
    splits = registry.get(config.training.variant).run.splits.get(corpus, Official())
    published_corpora.get(corpus).check(data, splits)
    vectors = config.training.word_vectors
    if vectors and not os.path.exists(vectors):
        raise KinescribeError(
            f"the word vectors that {config.training.variant} begins with, "
            f"{os.path.basename(vectors)}, are neither in {data} nor in "
            f"${FOLDER_VARIABLE}; `--set training.word_vectors=FILE` names others, and "
            "null does without."
        )


def corpora_of(name: str) -> tuple[str, ...]:
    """Returns the corpora on which a paper's tables report a preset.

    Raises:
        KinescribeError: There is no such preset.
    """
    registry.get(name)
    return tuple(dict.fromkeys(c.corpus for c in published.cells() if c.preset == name))


def _place(file: str, folder: str) -> str:
    """Returns where a published file lies: in the folder, or in that of weights."""
    here = os.path.join(folder, file)
    weights = os.path.join(os.environ.get(FOLDER_VARIABLE, folder), file)
    return weights if os.path.exists(weights) and not os.path.exists(here) else here
