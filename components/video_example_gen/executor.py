"""What `VideoExampleGen` does when it runs."""

from __future__ import annotations

from typing import Any

import pydantic
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import Artifact, artifact_utils

from transform import beam_jobs
from transform.annotations import AnnotationSource
from transform.extraction_settings import ExtractionSettings
from transform.schema import FeatureSpec


class Executor(base_beam_executor.BaseBeamExecutor):
    """Calls `transform.beam_jobs.extract` and describes what came out."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the records; TFX calls this."""
        del input_dict
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        settings = ExtractionSettings.from_json(exec_properties["settings"])
        extracted = beam_jobs.extract(
            pydantic.parse_raw_as(AnnotationSource, exec_properties["source"]),
            FeatureSpec.from_json(exec_properties["spec"]),
            store=exec_properties["store"],
            out=examples.uri,
            settings=settings,
            pipeline_options=self._beam_pipeline_args,
        )
        manifest, spec = extracted.manifest, extracted.spec
        examples.split_names = artifact_utils.encode_split_names(manifest.splits())
        examples_utils.set_payload_format(
            examples, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE
        )
        examples.set_string_custom_property("spec_hash", spec.content_hash)
        examples.set_string_custom_property("feature_spec", spec.to_json())
        examples.set_string_custom_property(
            "data_digest", exec_properties["data_digest"]
        )
        examples.set_string_custom_property("coverage", manifest.coverage())
        for status, clips in manifest.counts().items():
            examples.set_int_custom_property(f"clips_{status}", clips)
