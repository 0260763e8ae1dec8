"""The records' schema in the format of TensorFlow Metadata, for data validation."""

from __future__ import annotations

from tensorflow_metadata.proto.v0 import schema_pb2

from transform import schema
from transform.records import clip_numbers
from transform.schema import FeatureSpec

# Everything in a record besides its features: small, and worth statistics.
DESCRIPTIVE = (
    schema.VIDEO_ID,
    schema.CAPTIONS,
    schema.CATEGORY,
    schema.CLIP_LENGTH,
    schema.CLIP_HASH,
    schema.MISSING,
    schema.SPEC_HASH,
    schema.LABELS,
)


def described(spec: FeatureSpec) -> tuple[str, ...]:
    """Returns what descriptions hold: all but features, and numbers about clips."""
    return (*DESCRIPTIVE, *clip_numbers.names(spec))


def schema_for(spec: FeatureSpec) -> schema_pb2.Schema:
    """Returns the schema of the records that `spec` makes.

    Inference from data would take the captions of a small corpus for an enumeration
    and the encoded features for text. Here captions are one or more free strings, a
    clip may lack any feature, and the specification's hash has one legal value, so
    that records of another specification show up as anomalies.
    """
    return schema_pb2.Schema(
        feature=[
            *(_descriptive(name, spec) for name in DESCRIPTIVE),
            *(  # in descriptions only; a feature that a clip lacks has no size
                schema_pb2.Feature(
                    name=name,
                    type=schema_pb2.FLOAT,
                    value_count=schema_pb2.ValueCount(min=1, max=1),
                )
                for name in clip_numbers.names(spec)
            ),
            *(
                schema_pb2.Feature(
                    name=tensor.name,
                    type=schema_pb2.BYTES,
                    value_count=schema_pb2.ValueCount(min=0, max=1),
                )
                for tensor in spec.tensors()
                if tensor.name not in described(spec)
            ),
        ]
    )


def _descriptive(name: str, spec: FeatureSpec) -> schema_pb2.Feature:
    feature = schema_pb2.Feature(
        name=name,
        type=schema_pb2.BYTES,
        presence=schema_pb2.FeaturePresence(min_fraction=1.0),
        value_count=schema_pb2.ValueCount(min=1),
    )
    if name != schema.CAPTIONS:
        feature.value_count.max = 1
    if name == schema.LABELS:  # a clip may have none, or several
        return schema_pb2.Feature(name=name, type=schema_pb2.BYTES)
    if name == schema.SPEC_HASH:
        feature.string_domain.value.append(spec.content_hash)
    return feature
