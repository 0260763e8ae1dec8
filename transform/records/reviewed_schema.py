"""The schema of records as a person has reviewed it, in place of the derived one.

`kinescribe schema` writes a file; a person narrows what it allows, by domains, counts
or comparators, and names it as `data_schema` in the configuration.
"""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from transform import schema
from transform.common.errors import KinescribeError
from transform.records.metadata_schema import DESCRIPTIVE, schema_for
from transform.schema import FeatureSpec

_TYPE_NAMES = schema_pb2.FeatureType.Name


class ReviewedSchemaError(KinescribeError):
    """Raised for a reviewed schema that is damaged, or is one of other records."""


def written(spec: FeatureSpec) -> str:
    """Returns the derived schema as text, with a word to whoever reviews it."""
    return (
        "# What the records may hold. Narrow it where you know more, and name the\n"
        "# file as `data_schema` in the configuration.\n"
        f"{text_format.MessageToString(schema_for(spec))}"
    )


def parse(text: str, spec: FeatureSpec, name: str) -> schema_pb2.Schema:
    """Returns a reviewed schema, made sure that it is one of these records.

    Args:
        text: In the text format of TensorFlow Metadata's `Schema`.
        spec: What the records are made by, complete with its files' hashes.
        name: Of the file, for messages.

    Raises:
        ReviewedSchemaError: It is damaged, or is a schema of other records.
    """
    try:
        reviewed = text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise ReviewedSchemaError(
            f"{name} is no schema of TensorFlow Metadata: at {error}".rstrip(".") + "."
        ) from error
    for problem in _problems(reviewed, spec):
        raise ReviewedSchemaError(f"{name} {problem}.")
    return reviewed


def _problems(reviewed: schema_pb2.Schema, spec: FeatureSpec) -> Iterator[str]:
    derived = {feature.name: feature for feature in schema_for(spec).feature}
    found = {feature.name: feature for feature in reviewed.feature}
    for name, feature in found.items():
        if name not in derived:
            yield f"describes {name!r}, which is in no record of these features"
        elif feature.type != derived[name].type:
            yield (
                f"has {name} as {_TYPE_NAMES(feature.type)}, but records hold "
                f"{_TYPE_NAMES(derived[name].type)}"
            )
    for name in DESCRIPTIVE:
        if name not in found:
            yield f"does not describe {name}, which is in every record"
    legal = list(found[schema.SPEC_HASH].string_domain.value)
    if legal and spec.content_hash not in legal:
        yield (
            f"was reviewed for records of the specification {legal[0]}, but these are "
            f"of {spec.content_hash}: write it anew by `kinescribe schema`"
        )
