"""The run configuration of every cell of the papers' tables."""

from __future__ import annotations

import os
from typing import Any

from keras_models.ensembling.relevance.training import RelevanceTraining
from keras_models.presets import published, registry
from keras_models.presets.paper_features import paper_spec
from keras_models.training.pretrained_embeddings import VectorsFile, WordVectorSource
from pipeline import published_corpora
from pipeline.configs import PipelineConfig
from pipeline.joint_configs import JointConfig, LateFusionJoin
from transform.backbones import loading
from transform.common.errors import KinescribeError
from transform.common.weight_files import FOLDER_VARIABLE
from transform.datasets import Official
from transform.schema import AudioWords, FeatureSpec


def configuration(
    name: str, corpus: str, data: str = "", root: str = ""
) -> PipelineConfig:
    """Returns the run of a preset on a corpus as its paper describes it, in full.

    Args:
        name: Of a preset, or of a late fusion: then the run is a `JointConfig`.
        corpus: Of a published corpus.
        data: Its folder, which need not exist; data/<corpus> by default.
        root: Folder for what the run makes; runs/<preset>-<corpus> by default.

    Raises:
        KinescribeError: There is no such preset, or no such corpus.
    """
    fusion = registry.FUSIONS.get(name)
    first = next(iter(fusion.model.members)) if fusion else name
    preset = registry.get(first)
    folder = data or os.path.join("data", corpus)
    published_corpus = published_corpora.get(corpus)
    splits = preset.run.splits.get(corpus, Official())
    label = f"{name}-{corpus}"
    root = root or os.path.join("runs", label)
    spec = paper_spec(fusion.model if fusion else preset.model)
    settings = {
        "name": label.replace("_", "-"),
        "root": root,
        "corpus": published_corpus.source(folder, splits),
        "features": _with_codebook(spec, os.path.join(root, "audio_words.npz")),
        "extraction": published_corpus.extraction,
        "vocabulary": {"min_count": preset.run.min_count},
        "training": {
            **preset.run.training(),
            "word_vectors": _in_place(preset.run.word_vectors, folder),
            **_parts(first),
        },
        "search": preset.run.search,
    }
    if fusion is None:
        return PipelineConfig.from_dict(settings)
    join = LateFusionJoin(training=RelevanceTraining(relevance=fusion.model.relevance))
    members = {member: _parts(member) for member in fusion.model.members}
    return JointConfig.from_dict({**settings, "members": members, "join": join})


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
    if isinstance(vectors, VectorsFile) and not os.path.exists(vectors.path):
        raise KinescribeError(
            f"the word vectors that {config.training.variant} begins with, "
            f"{os.path.basename(vectors.path)}, are neither in {data} nor in "
            f"${FOLDER_VARIABLE}; `--set training.word_vectors.path=FILE` names "
            "others, and `--set training.word_vectors=null` does without."
        )


def learn_codebooks(config: PipelineConfig) -> None:
    """Learns the codebooks of sound that a run's features need and that are absent.

    Raises:
        WeightsError: The weights of another feature are absent too.
    """
    spec = config.features
    absent = tuple(
        feature
        for feature in spec.features
        if isinstance(feature, AudioWords) and not os.path.exists(feature.codebook)
    )
    if not absent:
        return
    from transform.jobs import learn_codebook  # which imports Beam

    rest = (feature for feature in spec.features if feature not in absent)
    loading.resolve(spec.replace(features=tuple(rest)))
    for feature in absent:
        learn_codebook.learn(
            config.corpus, feature, out=feature.codebook, settings=config.extraction
        )


def corpora_of(name: str) -> tuple[str, ...]:
    """Returns the corpora on which a paper's tables report a preset or a fusion.

    Raises:
        KinescribeError: There is none of that name.
    """
    if name not in registry.FUSIONS:
        registry.get(name)
    return tuple(dict.fromkeys(c.corpus for c in published.cells() if c.preset == name))


def _parts(name: str) -> dict[str, Any]:
    """Returns what a preset's training is apart from the settings of its run."""
    return {"variant": name, "plan": registry.get(name).plan.to_dict()}


def _with_codebook(spec: FeatureSpec, codebook: str) -> FeatureSpec:
    """Returns a specification whose bag of audio words has its codebook there."""
    features = (
        each.replace(codebook=codebook) if isinstance(each, AudioWords) else each
        for each in spec.features
    )
    return spec.replace(features=tuple(features))


def _in_place(vectors: WordVectorSource | None, folder: str) -> WordVectorSource | None:
    """Returns word vectors with the path at which their file lies."""
    if isinstance(vectors, VectorsFile):
        return vectors.replace(path=_place(vectors.path, folder))
    return vectors


def _place(file: str, folder: str) -> str:
    """Returns where a published file lies: in the folder, or in that of weights."""
    here = os.path.join(folder, file)
    weights = os.path.join(os.environ.get(FOLDER_VARIABLE, folder), file)
    return weights if os.path.exists(weights) and not os.path.exists(here) else here
