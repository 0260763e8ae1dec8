"""`CaptionReferences`: the TFX component that writes a split's captions to a file."""

import typing

from tfx.dsl.component.experimental.annotations import InputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.caption_references import executor


@component
@typing.no_type_check  # TFX reads the annotations in its own way
def CaptionReferences(  # noqa: N802
    examples: InputArtifact[standard_artifacts.Examples],
    split: Parameter[str],
    path: Parameter[str],
) -> None:
    """Writes the captions of a split's clips to `path`, where the metrics read them.

    A metric sees only one slice of the clips, and it is configured before the clips
    exist: it can learn of the others only from a place that is known in advance.

    Args:
        examples: The records.
        split: The split that is evaluated.
        path: The file, which is replaced if it exists.
    """
    executor.write_references(examples, split, path)
