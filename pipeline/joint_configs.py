"""`JointConfig`: a run of several models that caption as one."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal, Union

from keras_models.ensembling.relevance.training import RelevanceTraining
from pipeline import configs
from pipeline.configs import PipelineConfig
from transform.common.config import BY_KIND, Config, Field, read_yaml, root_validator
from transform.jobs.records_config import RecordsConfig


class EnsembleJoin(Config):
    """Has the models predict each word together, by their weighted mean."""

    kind: Literal["ensemble"] = "ensemble"
    weights: dict[str, float] = Field({})  # how much a model counts, where not 1


class LateFusionJoin(Config):
    """Keeps the models' most relevant caption, by a relevance model trained for it."""

    kind: Literal["late_fusion"] = "late_fusion"
    training: RelevanceTraining = RelevanceTraining()  # of the relevance model


class JointConfig(PipelineConfig):
    """The settings of a run of several models on one extraction and one vocabulary.

    `training` is what they have in common.
    """

    # each model's name, and what differs in its `training`
    members: dict[str, dict[str, Any]]
    # how the models become one
    join: Annotated[Union[EnsembleJoin, LateFusionJoin], BY_KIND] = EnsembleJoin()

    @root_validator(skip_on_failure=True)
    def _members_can_run(cls, values: dict[str, Any]) -> dict[str, Any]:
        if len(values["members"]) < 2:
            raise ValueError("members: two models or more are needed")
        if values["served"].frames:
            raise ValueError("served.frames: joint models are sent features")
        for name in values["members"]:
            if not name.strip(".") or "/" in name:
                raise ValueError(f"members: {name!r} is no name of a folder")
            _member(values, name)
        return values

    def member(self, name: str) -> PipelineConfig:
        """Returns the run of one of the models."""
        return _member(dict(self), name)


def of_seeds(config: PipelineConfig, count: int) -> JointConfig:
    """Returns a run of one model `count` times, with seeds from its own on."""
    first = config.training.seed
    members = {f"seed{seed}": {"seed": seed} for seed in range(first, first + count)}
    return JointConfig.from_dict({**dict(config), "members": members})


def find(name: str) -> PipelineConfig:
    """Reads a configuration, of one model or of several, as `configs.find` does."""
    path = configs.path_of(name)
    several = "members" in read_yaml(path)
    return (JointConfig if several else PipelineConfig).from_yaml(path)


def find_records(name: str) -> tuple[RecordsConfig, str]:
    """Reads the description of records from a configuration, as `find` does.

    It may be that of a run, or a file with the settings of `RecordsConfig` alone.

    Returns:
        The description; and the folder of the run's feature store, '' without a run.
    """
    path = configs.path_of(name)
    if "training" not in read_yaml(path):
        return RecordsConfig.from_yaml(path), ""
    run = find(name)
    records = RecordsConfig(
        corpus=run.corpus, features=run.features, extraction=run.extraction
    )
    return records, run.feature_store


def _member(values: dict[str, Any], name: str) -> PipelineConfig:
    settings = {field: values[field] for field in PipelineConfig.__fields__}
    settings["training"] = settings["training"].override(values["members"][name])
    # A version is pushed by itself, so that no model is the baseline of another.
    settings["push_to"] = os.path.join(settings["root"], "members", name)
    return PipelineConfig.from_dict(settings)
