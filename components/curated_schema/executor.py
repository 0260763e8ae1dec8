"""The work of `CuratedSchema`: writes the schema that records are held against."""

from __future__ import annotations

import os

from tfx.types import Artifact
from tfx.utils import io_utils

from transform.records import reviewed_schema
from transform.records.dataset import ExtractedDataset
from transform.records.metadata_schema import schema_for


def write_schema(
    examples: Artifact, schema: Artifact, reviewed: str, name: str
) -> None:
    """Writes `schema.pbtxt`: the reviewed one, or what the specification says.

    It is never inferred from the data.

    Args:
        examples: The records, with their specification.
        schema: Takes the file.
        reviewed: The reviewed schema's text, '' if there is none.
        name: The file that it was read from.

    Raises:
        ReviewedSchemaError: It is damaged, or is one of other records.
    """
    spec = ExtractedDataset(examples.uri).spec
    content = (
        reviewed_schema.parse(reviewed, spec, name) if reviewed else schema_for(spec)
    )
    io_utils.write_pbtxt_file(os.path.join(schema.uri, "schema.pbtxt"), content)
