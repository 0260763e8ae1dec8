"""`CuratedSchema`: the TFX component that writes the schema of the records."""

import typing

from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.curated_schema import executor


@component
@typing.no_type_check  # TFX reads the annotations in its own way
def CuratedSchema(  # noqa: N802
    examples: InputArtifact[standard_artifacts.Examples],
    schema: OutputArtifact[standard_artifacts.Schema],
    reviewed: Parameter[str] = "",
    name: Parameter[str] = "",
) -> None:
    """Writes the schema that a person reviewed, or the one that follows from the spec.

    Args:
        examples: The records, with their specification.
        schema: Takes `schema.pbtxt`.
        reviewed: The reviewed schema's text; "" for the one that follows from the
            records' feature specification.
        name: The file that it was read from, for messages.
    """
    executor.write_schema(examples, schema, reviewed, name)
