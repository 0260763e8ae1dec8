"""The work of `CuratedSchema`: writes the schema of the records' specification."""

from __future__ import annotations

import os

from tfx.dsl.io import fileio
from tfx.types import Artifact
from tfx.utils import io_utils

from transform.records.metadata_schema import schema_for
from transform.schema import FeatureSpec


def write_schema(examples: Artifact, schema: Artifact) -> None:
    """Writes `schema.pbtxt`, derived from the specification and not from the data.

    Args:
        examples: The records, with their specification.
        schema: Takes the file.
    """
    with fileio.open(os.path.join(examples.uri, "feature_spec.json")) as file:
        spec = FeatureSpec.from_json(file.read())
    io_utils.write_pbtxt_file(
        os.path.join(schema.uri, "schema.pbtxt"), schema_for(spec)
    )
