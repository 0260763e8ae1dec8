"""Checks of a run's configuration against its data, its networks and this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from keras_models.data.training_batches import PairBatches
from keras_models.training.pretrained_embeddings import PackagedVectors
from pipeline.catalogue import corpus_checks, wording
from pipeline.catalogue.finding import Finding, counted, error, warning
from pipeline.configs import PipelineConfig
from pipeline.joint_configs import JointConfig
from transform.backbones import loading
from transform.backbones.registry import CHUNK_NETWORKS, DETECTORS, NETWORKS
from transform.common import outputs
from transform.common.config import ByteSize
from transform.common.errors import KinescribeError
from transform.common.location import Location
from transform.common.weight_files import FOLDER_VARIABLE
from transform.datasets import AnnotationSource, VideoRecord
from transform.datasets import read as read_annotations
from transform.jobs import check_categories
from transform.jobs.records_config import RecordsConfig
from transform.records import reviewed_schema
from transform.records.tokenizers import Tokenizer
from transform.schema import (
    Category,
    ChunkGrid,
    Feature,
    FeatureSpec,
    FrameGrid,
    Imported,
    Regions,
)

_EVERYWHERE = ("features", "model", "schema")  # hold on every machine


class Examination(NamedTuple):
    """What was found of a configuration, and what it amounts to."""

    facts: dict[str, Any]  # JSON: what a person wants to see of a run before it
    findings: list[Finding]


def examine_run(config: PipelineConfig, on_this_machine: bool = True) -> Examination:
    """Checks everything about a run that can be told without computing anything.

    Args:
        config: The run.
        on_this_machine: Whether it will run here. Elsewhere are other files, about
            which nothing is surer than a warning, and its root may be a bucket.
    """
    records = RecordsConfig(
        corpus=config.corpus, features=config.features, extraction=config.extraction
    )
    clips, findings = _annotated(config.corpus)
    findings += _data(clips, records)
    findings += features(config.features)
    findings += data_schema(config)
    findings += model(config)
    if on_this_machine:
        findings += root(config.root)
    findings += disk(config.root, config.features, len(clips))
    findings += names(config)
    facts = _facts(clips, config.features)
    if clips:
        steps = steps_per_epoch(clips, config)
        findings += corpus_checks.splits(clips)
        tokenizer = config.vocabulary.tokenizer
        findings += corpus_checks.captions(clips, config.training.max_words, tokenizer)
        facts["words"] = _words_of(clips, tokenizer)
        findings += corpus_checks.amount(clips, steps)
        facts |= {"variant": config.training.variant, "steps_per_epoch": steps}
        facts |= {
            "stages": {
                stage.name: stage.epochs
                for stage in config.training.preset().plan.stages
            }
        }
    if not on_this_machine:
        findings = [
            found if found.about in _EVERYWHERE else found._replace(severity="warning")
            for found in findings
        ]
    return Examination(facts, _errors_first(findings))


def examine_records(config: RecordsConfig, out: str) -> Examination:
    """Checks what an extraction needs; splits and models do not matter to it."""
    clips, findings = _annotated(config.corpus)
    findings += _data(clips, config)
    findings += features(config.features)
    findings += disk(out, config.features, len(clips))
    return Examination(_facts(clips, config.features), _errors_first(findings))


def only_imported(spec: FeatureSpec) -> Iterator[Finding]:
    """Finds features that are made from the clips, which an import does not open."""
    for feature in spec.features:
        if not isinstance(feature, Imported | Category):
            yield error(
                "settings",
                f"feature {feature.name} is not imported but made from the clips: "
                "`kinescribe extract` makes such features, and joins imported ones to "
                "them.",
            )


def examine_model(config: PipelineConfig) -> Examination:
    """Checks what a training on records that are there needs of its configuration."""
    return Examination({}, list(model(config)))


def steps_per_epoch(clips: Sequence[VideoRecord], config: PipelineConfig) -> int:
    """Returns how many updates an epoch of the training has."""
    batch = config.training.batch
    train = [len(c.captions) for c in clips if c.split == "train" and c.captions]
    examples = sum(train) if isinstance(batch, PairBatches) else len(train)
    return examples // min(batch.size, examples) if examples else 0


def features(spec: FeatureSpec) -> Iterator[Finding]:
    """Finds networks that there are not, and weights that are not to be had."""
    for feature in spec.features:
        if isinstance(feature, Imported):
            if feature.files is None:
                yield error(
                    "features",
                    f"feature {feature.name} is imported, but its `files` does not say "
                    "from where.",
                )
            continue
        if problem := _unknown_network(feature):
            yield error("features", problem)
        elif isinstance(feature, FrameGrid) and feature.weights == "imagenet":
            yield warning(
                "weights",
                f"feature {feature.name}: the weights of {feature.network} are "
                "downloaded, unless Keras' cache has them.",
            )
        else:
            try:
                loading.resolve(spec.replace(features=(feature,)))
            except KinescribeError as problem:
                yield error("weights", str(problem))


def model(config: PipelineConfig) -> Iterator[Finding]:
    """Finds features whose shapes do not fit the model that is to read them."""
    for name, run in _runs(config):
        try:
            run.training.preset().model.encoder.build(run.features)
        except KinescribeError as problem:
            where = f"model {name}: " if name else ""
            yield error("model", f"{where}{problem}")
    yield from _word_vectors(config)


def data_schema(config: PipelineConfig) -> Iterator[Finding]:
    """Finds a reviewed schema that is damaged, or is one of other records."""
    if not config.data_schema:
        return
    try:
        spec = loading.resolve(config.features)
    except KinescribeError:  # `features` tells of it; records have no hash yet
        return
    try:
        reviewed_schema.parse(config.data_schema.read_text(), spec, config.data_schema)
    except KinescribeError as problem:
        yield error("schema", str(problem))


def root(folder: Location) -> Iterator[Finding]:
    """Finds a root in a bucket, which only a cluster can work with."""
    if folder.is_remote:
        yield error(
            "root",
            f"{folder} is in a bucket, and a run on this machine keeps its notes on "
            "its own disk: give a folder here by --root, or compile it for a cluster.",
        )


def disk(folder: str, spec: FeatureSpec, clips: int) -> Iterator[Finding]:
    """Finds a folder that cannot be written, or a disk too small for the records."""
    if Location(folder).is_remote:
        return
    place = os.path.abspath(folder)
    while not os.path.exists(place) and place != os.path.dirname(place):
        place = os.path.dirname(place)
    if not (os.path.isdir(place) and os.access(place, os.W_OK)):
        yield error("disk", f"{place} cannot be written to: choose another folder.")
        return
    most = 2 * clips * spec.bytes_per_clip()  # the store's and the records'
    free = shutil.disk_usage(place).free
    if most > free:
        yield warning(
            "disk",
            f"features of {counted(clips, 'clip')} may take {_size(most)}, and "
            f"{_size(free)} are free in {place}: store fewer frames, smaller grids, "
            "or choose another folder.",
        )


def names(config: PipelineConfig) -> Iterator[Finding]:
    """Finds folders for models that TensorFlow would take for patterns of names."""
    folders = [
        folder
        for _, run in _runs(config)
        for folder in (run.root, run.push_destination)
    ]
    for folder in dict.fromkeys(folders):
        try:
            outputs.refuse_patterns(folder)
        except KinescribeError as problem:
            yield error("names", str(problem))
            return


def _runs(config: PipelineConfig) -> list[tuple[str, PipelineConfig]]:
    """Returns the run of each model with the model's name, '' if there is but one."""
    if not isinstance(config, JointConfig):
        return [("", config)]
    return [(name, config.member(name)) for name in config.members]


def _word_vectors(config: PipelineConfig) -> Iterator[Finding]:
    vectors = config.training.word_vectors
    if isinstance(vectors, PackagedVectors):
        try:
            vectors.locate()
        except KinescribeError as problem:
            yield error("weights", str(problem))
    elif vectors is not None and not vectors.path.is_remote:
        shared = os.environ.get(FOLDER_VARIABLE, "")
        places = (vectors.path, Location(shared) / vectors.path.name)
        if not any(os.path.exists(place) for place in places):
            yield error(
                "weights",
                f"the word vectors {vectors.path} are not there: correct "
                "training.word_vectors.path, or set training.word_vectors to null.",
            )


def _annotated(source: AnnotationSource) -> tuple[list[VideoRecord], list[Finding]]:
    try:
        return read_annotations(source), []
    except KinescribeError as problem:
        return [], [error("annotations", str(problem))]


def _data(clips: Sequence[VideoRecord], config: RecordsConfig) -> Iterator[Finding]:
    try:
        check_categories.check(clips, config.features)
    except KinescribeError as problem:
        yield error("annotations", str(problem))
    if any(not isinstance(f, Imported | Category) for f in config.features.features):
        yield from corpus_checks.files(clips, config.extraction.max_failure_ratio)
        yield from corpus_checks.duplicates(clips)


def _unknown_network(feature: Feature) -> str:
    """Returns a sentence on a network or a layer that there is not, '' if there is."""
    if isinstance(feature, Regions):
        return _unknown(feature, "detector", feature.detector, tuple(DETECTORS))
    if not isinstance(feature, FrameGrid | ChunkGrid):
        return ""
    table = NETWORKS if isinstance(feature, FrameGrid) else CHUNK_NETWORKS
    if problem := _unknown(feature, "network", feature.network, tuple(table)):
        return problem
    return _unknown(feature, "layer", feature.layer, table[feature.network].layers)


def _unknown(feature: Feature, kind: str, name: str, known: Sequence[str]) -> str:
    if not known or name in known:
        return ""
    return (
        f"feature {feature.name}: there is no {kind} {name!r}; there are "
        f"{', '.join(known)}."
    )


def _facts(clips: Sequence[VideoRecord], spec: FeatureSpec) -> dict[str, Any]:
    in_split = {
        split: [clip for clip in clips if clip.split == split]
        for split in ("train", "val", "test")
    }
    return {
        "clips": {split: len(members) for split, members in in_split.items()},
        "captions": {
            split: sum(len(clip.captions) for clip in members)
            for split, members in in_split.items()
        },
        "features": [feature.name for feature in spec.features],
        "bytes_per_clip": spec.bytes_per_clip(),
    }


def _words_of(clips: Sequence[VideoRecord], tokenizer: Tokenizer) -> dict[str, Any]:
    texts = [text for clip in clips if clip.split == "train" for text in clip.captions]
    losses = wording.losses(texts, tokenizer)
    return {"tokenizer": tokenizer.to_dict()["kind"], **losses._asdict()}


def _errors_first(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda found: found.severity != "error")


def _size(size: int) -> str:
    return ByteSize(size).human_readable(decimal=True)
