"""All references of a split in one file, for CIDEr's document frequencies."""

import os
import typing

from tfx.dsl.component.experimental.annotations import InputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts

from components.evaluator import caption_metrics
from keras_models.data.records import RecordDataset
from transform.common import storage
from transform.schema import FeatureSpec


@component
@typing.no_type_check  # TFX reads the annotations in its own way
def CaptionReferences(  # noqa: N802
    examples: InputArtifact[standard_artifacts.Examples],
    split: Parameter[str],
    path: Parameter[str],
) -> None:
    """Writes the captions of a split's clips to `path`, which the metrics are told.

    A metric sees one slice of the clips and is configured before there are any, so
    that it can learn of the others from a place known in advance only.
    """
    with fileio.open(os.path.join(examples.uri, "feature_spec.json")) as file:
        spec = FeatureSpec.from_json(file.read())
    folder = artifact_utils.get_split_uri([examples], split)
    clips = RecordDataset([os.path.join(folder, "*")], spec)
    with storage.replacing(path) as temporary:
        caption_metrics.write_references(temporary, clips.references)
