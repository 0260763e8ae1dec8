"""`VideoExampleGen`: the TFX component that extracts the records."""

from __future__ import annotations

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import BaseChannel, channel_utils, standard_artifacts
from tfx.types.component_spec import (
    ChannelParameter,
    ComponentSpec,
    ExecutionParameter,
)

from components.video_example_gen.executor import Executor
from transform.datasets import AnnotationSource
from transform.jobs.extraction_settings import ExtractionSettings
from transform.schema import FeatureSpec


class VideoExampleGenSpec(ComponentSpec):
    """The parameters and outputs of `VideoExampleGen`, as TFX describes them."""

    PARAMETERS = {  # noqa: RUF012
        "source": ExecutionParameter(type=str),
        "spec": ExecutionParameter(type=str),
        "store": ExecutionParameter(type=str),
        "records": ExecutionParameter(type=str),
        "evaluated": ExecutionParameter(type=str),
        "settings": ExecutionParameter(type=str),
        "data_digest": ExecutionParameter(type=str),
    }
    INPUTS = {}  # noqa: RUF012
    OUTPUTS = {  # noqa: RUF012
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "descriptions": ChannelParameter(type=standard_artifacts.Examples),
        "evaluation_examples": ChannelParameter(type=standard_artifacts.Examples),
    }


class VideoExampleGen(base_beam_component.BaseBeamComponent):
    """Turns annotated videos into `Examples` with the splits train, val and test.

    Splits that the annotations do not have are left out.

    Three artifacts come out, each as small as what reads it: `examples`, which names
    files that all runs share, for training; `descriptions`, all records without their
    features, for statistics and vocabulary; `evaluation_examples`, whole records of the
    split that is evaluated.

    The root of each also holds `feature_spec.json`, `manifest.parquet` and
    `manifest.csv`; its custom properties hold the specification's hash and how many
    clips came through.
    """

    SPEC_CLASS = VideoExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        source: AnnotationSource,
        spec: FeatureSpec,
        store: str,
        records: str,
        evaluated: str,
        settings: ExtractionSettings,
        data_digest: str | RuntimeParameter,
    ):
        """Describes the component to TFX.

        Args:
            source: The annotations, and where the clips lie.
            spec: The features; see `transform.backbones.loading.resolve`.
            store: Folder of the feature store, kept between runs.
            records: Folder of the records, likewise.
            evaluated: The split whose whole records are handed on.
            settings: Settings of the extraction.
            data_digest: `data_digest` of its clips. TFX's cache knows
                an input by its properties only: a change here makes the component run
                again, and the store spares the clips that have not changed.
        """
        super().__init__(
            spec=VideoExampleGenSpec(
                source=source.to_json(),
                spec=spec.to_json(),
                store=store,
                records=records,
                evaluated=evaluated,
                settings=settings.to_json(),
                data_digest=data_digest,
                examples=_channel(),
                descriptions=_channel(),
                evaluation_examples=_channel(),
            )
        )


def _channel() -> BaseChannel:
    return channel_utils.as_channel([standard_artifacts.Examples()])
