"""`PipelineConfig`: the content of the YAML file that describes a pipeline."""

from __future__ import annotations

import importlib.resources
import os
import pathlib
from typing import Any, ClassVar, TypeVar

from keras_models.captioner_config import CaptionerConfig
from keras_models.generation import BeamSearch, SearchConfig
from keras_models.presets.adaptation import adapt
from keras_models.presets.preset_training import PresetTrainingConfig, run_settings
from pipeline.kubeflow_config import KubeflowConfig
from serving.export.served_config import ServedConfig
from serving.gates.config import GateConfig
from serving.retraining.retrain_config import RetrainConfig
from transform import schema
from transform.common.config import Config, ConfigError, Field, root_validator
from transform.common.errors import KinescribeError
from transform.common.location import Location
from transform.datasets import AnnotationSource
from transform.jobs.extraction_settings import ExtractionSettings
from transform.records import picture_features
from transform.records.tokenizers import AnyTokenizer, Words
from transform.schema import FeatureSpec, Flow

ConfigT = TypeVar("ConfigT", bound="PipelineConfig")


RUN_LOG = "runs"  # in the root: how runs ended, and the lease of the one that runs


class VocabularyConfig(Config):
    """The settings that choose a vocabulary from the training captions."""

    hash_default_omitted: ClassVar[frozenset[str]] = frozenset({"tokenizer"})

    tokenizer: AnyTokenizer = Words()  # how captions become words
    min_count: int = Field(1, ge=1)  # rarer words become <unk>


class PipelineConfig(Config):
    """The settings of a pipeline, from annotated clips to a pushed model.

    `vocabulary.min_count` and `search` are the preset's where they are not given, as
    some settings of `training` are. Relative paths are looked up from the working
    directory, like paths on a command line: a shipped file has no folder of its own to
    start from.
    """

    hash_default_omitted: ClassVar[frozenset[str]] = frozenset({"served"})

    # of the pipeline; lower-case letters, digits and hyphens
    name: str = Field(regex=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=63)
    root: Location  # artifacts, metadata, feature store, training runs; and by default:
    # the folder that a model server watches; <root>/pushed
    push_to: Location = Location()
    corpus: AnnotationSource  # the annotated clips
    features: FeatureSpec  # what is extracted of each clip
    extraction: ExtractionSettings = ExtractionSettings()  # how the Beam job runs
    # what records may hold, as a person has reviewed it: a file that `kinescribe
    # schema` wrote; by default what follows from the features
    data_schema: Location = Location()
    vocabulary: VocabularyConfig = VocabularyConfig()  # which words the model knows
    training: PresetTrainingConfig  # the model and how it is trained
    search: SearchConfig = BeamSearch(width=5)  # of the served model
    served: ServedConfig = ServedConfig()  # what else an export is made of
    gates: GateConfig = GateConfig()  # what a model must reach to be pushed
    retrain: RetrainConfig = RetrainConfig()  # when a scheduled run trains a model
    kubeflow: KubeflowConfig = KubeflowConfig()  # how a cluster runs the stages

    @root_validator(pre=True)
    def _as_published(cls, values: dict[str, Any]) -> dict[str, Any]:
        run = run_settings(values.get("training"))
        filled = {"search": run.search, "vocabulary": {}, **values}
        if isinstance(filled["vocabulary"], dict):
            words = {"min_count": run.min_count, **filled["vocabulary"]}
            filled["vocabulary"] = words
        return filled

    @root_validator(skip_on_failure=True)
    def _fits_together(cls, values: dict[str, Any]) -> dict[str, Any]:
        spec: FeatureSpec = values["features"]
        training: PresetTrainingConfig = values["training"]
        try:
            model = training.preset().model
        except KinescribeError as error:
            raise ValueError(f"training: {error}") from error
        extracted = [feature.name for feature in spec.features]
        missing = [name for name in model.features() if name not in extracted]
        if missing:
            raise ValueError(
                f"model {training.variant} reads {', '.join(missing)}, but features "
                f"has only {', '.join(extracted)}: {_way_out(model, spec)}"
            )
        corpus: AnnotationSource = values["corpus"]
        gates: GateConfig = values["gates"]
        known = (*schema.SLICES, "status", *getattr(corpus, "labels", ()))
        named = (*gates.slices, *(name.split("=")[0] for name in gates.on_slices))
        if unknown := [name for name in named if name not in known]:
            raise ValueError(
                f"gates: there is no {unknown[0]!r} to slice by; name it in "
                "corpus.labels, where the annotations say it of each clip"
            )
        if spec.sampling.window < 2 and any(isinstance(f, Flow) for f in spec.features):
            raise ValueError(
                "features.sampling.window is 1, but optical flow needs 2 or more"
            )
        if values["served"].frames:
            try:
                picture_features.maps_of(spec)
            except ConfigError as error:
                raise ValueError(f"served.frames: {error}") from error
        return values

    @property
    def push_destination(self) -> str:
        """The folder that a model server watches."""
        return self.push_to or os.path.join(self.root, "pushed")

    @property
    def feature_store(self) -> str:
        """The folder of features by clip and specification; it outlives every run."""
        return os.path.join(self.root, "features")

    @property
    def records_folder(self) -> str:
        """The folder of records, which all runs share; files are only ever added."""
        return os.path.join(self.root, "records")

    @property
    def training_folder(self) -> str:
        """The folder of checkpoints, from which an interrupted training is resumed."""
        return os.path.join(self.root, "training")

    @property
    def stamps_file(self) -> str:
        """The file in which scheduled runs remember the content of clips."""
        return os.path.join(self.root, "stamps.json")

    def deciding_settings(self) -> dict[str, Any]:
        """Returns the settings that decide a model, but for its features and clips."""
        names = "vocabulary", "training", "search", "served"
        settings = self.hashed()
        return {name: settings[name] for name in names if name in settings}

    @property
    def run_log(self) -> str:
        """The folder in which runs on a cluster write down how they ended."""
        return os.path.join(self.root, RUN_LOG)

    def references_file(self, data_digest: str) -> str:
        """Returns the file of a corpus' reference captions, which the metrics read."""
        return os.path.join(self.root, "references", f"{data_digest or 'latest'}.json")


def _way_out(model: CaptionerConfig, spec: FeatureSpec) -> str:
    """Says what to do about a model that reads features which are not extracted."""
    try:
        reads = adapt(model, spec).reads
    except ConfigError:
        return "add what is missing, or choose another training.variant"
    return (
        f"add what is missing, or let others stand for it by training.reads = {reads}"
    )


def shipped() -> dict[str, pathlib.Path]:
    """Returns the configuration files that come with Kinescribe, by name."""
    folder = _shipped_folder()
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find(name: str) -> PipelineConfig:
    """Reads a configuration: the path of a YAML file, or the name of a shipped one."""
    return PipelineConfig.from_yaml(path_of(name))


def with_data(config: ConfigT, name: str, folder: str) -> ConfigT:
    """Returns a shipped configuration whose clips and features lie in `folder`.

    The file says `<name>/…` of them.

    Raises:
        ConfigError: It is no shipped one that reads such a folder.
    """
    usual = f"{name}/"

    def moved(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: moved(part) for key, part in value.items()}
        if isinstance(value, list):
            return [moved(part) for part in value]
        if isinstance(value, str) and value.startswith(usual):
            return str(Location(folder) / value.removeprefix(usual))
        return value

    before = config.to_dict()
    after = {key: moved(before[key]) for key in ("corpus", "features")}
    if all(after[key] == before[key] for key in after):
        raise ConfigError(
            f"{name} reads no folder that could be another one: a folder goes with the "
            f"name of a shipped configuration that has {usual}… in its corpus."
        )
    return config.override(after)


def path_of(name: str) -> Location:
    """Returns the YAML file that a user means by its path or by a shipped name."""
    if name.endswith((".yaml", ".yml")) or os.sep in name:
        return Location(name)
    paths = shipped()
    if name not in paths:
        raise ConfigError(
            f"there is no configuration {name!r}: give a YAML file, or one of "
            f"{', '.join(paths)}."
        )
    return Location(paths[name])


def _shipped_folder() -> pathlib.Path:
    checkout = pathlib.Path(__file__).parents[1] / "configs"
    if checkout.is_dir():
        return checkout
    return pathlib.Path(str(importlib.resources.files("kinescribe"))) / "configs"
