"""The work of `CuratedSchema`: writes the schema of the records' specification."""

from __future__ import annotations

import os

from tfx.types import Artifact
from tfx.utils import io_utils

from transform.records.dataset import ExtractedDataset
from transform.records.metadata_schema import schema_for


def write_schema(examples: Artifact, schema: Artifact) -> None:
    """Writes `schema.pbtxt`, derived from the specification and not from the data.

    Args:
        examples: The records, with their specification.
        schema: Takes the file.
    """
    spec = ExtractedDataset(examples.uri).spec
    io_utils.write_pbtxt_file(
        os.path.join(schema.uri, "schema.pbtxt"), schema_for(spec)
    )
