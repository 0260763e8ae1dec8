"""`CuratedSchema`: the TFX component that writes the schema of the records."""

import typing

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.curated_schema import executor


@component
@typing.no_type_check  # TFX reads the annotations in its own way
def CuratedSchema(  # noqa: N802
    examples: InputArtifact[standard_artifacts.Examples],
    schema: OutputArtifact[standard_artifacts.Schema],
) -> None:
    """Writes the schema that follows from the records' feature specification.

    Args:
        examples: The records, with their specification.
        schema: Takes `schema.pbtxt`.
    """
    executor.write_schema(examples, schema)
