"""The work of `VideoExampleGen`: runs the extraction and describes its outputs."""

from __future__ import annotations

import json
from typing import Any

from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import Artifact, artifact_utils

from transform.backbones import loading
from transform.common.config import Config
from transform.common.errors import UnfitDataError
from transform.datasets import AnnotationSource
from transform.jobs.extraction_settings import ExtractionSettings
from transform.jobs.shared_records import Folders, extract_shared
from transform.records import spans
from transform.records.dataset import ExtractedDataset
from transform.schema import FeatureSpec

EVALUATION = "evaluation_examples"
OUTPUTS = ("examples", "descriptions", EVALUATION)  # as `Folders` has them


class _Corpus(Config):
    source: AnnotationSource


class Executor(base_beam_executor.BaseBeamExecutor):
    """Calls `shared_records.extract_shared` and describes the records."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the records; TFX calls this."""
        del input_dict
        made = {
            key: artifact_utils.get_single_instance(artifacts)
            for key, artifacts in output_dict.items()
        }
        evaluated = exec_properties["evaluated"]
        source = json.loads(exec_properties["source"])
        spec = loading.resolve(FeatureSpec.from_json(exec_properties["spec"]))
        manifest = extract_shared(
            _Corpus.from_dict({"source": source}).source,
            spec,
            store=exec_properties["store"],
            folders=Folders(
                exec_properties["records"],
                *(made[key].uri for key in OUTPUTS),
            ),
            evaluated=evaluated,
            settings=ExtractionSettings.from_json(exec_properties["settings"]),
            pipeline_options=[str(option) for option in self._beam_pipeline_args],
        )
        splits = manifest.splits()
        if evaluated not in splits:
            raise UnfitDataError(
                f"no clip is in split {evaluated}, by which the model is scored: give "
                "some that split."
            )
        dataset = ExtractedDataset(made["examples"].uri)
        edition = spans.number(
            exec_properties["records"],
            [row.clip_hash for row in manifest.rows if row.usable],
            [file for split in splits for file in dataset.files(split)],
        )
        for key, artifact in made.items():
            artifact.span, artifact.version = edition
            artifact.split_names = artifact_utils.encode_split_names(
                [evaluated] if key == EVALUATION else splits
            )
            examples_utils.set_payload_format(
                artifact,
                example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE,  # type: ignore[attr-defined]
            )
        examples = made["examples"]
        examples.set_string_custom_property("spec_hash", spec.content_hash)
        examples.set_string_custom_property("feature_spec", spec.to_json())
        examples.set_string_custom_property(
            "data_digest", exec_properties["data_digest"]
        )
        examples.set_string_custom_property("coverage", manifest.coverage())
        for status, clips in manifest.counts().items():
            examples.set_int_custom_property(f"clips_{status}", clips)
