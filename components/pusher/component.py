"""`Pusher`: the TFX component that hands a blessed model to the model server."""

import typing

from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.pusher import executor


@component
@typing.no_type_check  # TFX reads the annotations in its own way
def Pusher(  # noqa: N802
    examples: InputArtifact[standard_artifacts.Examples],
    model: InputArtifact[standard_artifacts.Model],
    baseline: InputArtifact[standard_artifacts.Model],
    evaluation_blessing: InputArtifact[standard_artifacts.ModelBlessing],
    blessing: InputArtifact[standard_artifacts.ModelBlessing],
    infra_blessing: InputArtifact[standard_artifacts.InfraBlessing],
    judgement: InputArtifact[standard_artifacts.ModelEvaluation],
    drift: InputArtifact[standard_artifacts.ExampleAnomalies],
    pushed_model: OutputArtifact[standard_artifacts.PushedModel],
    destination: Parameter[str],
    config_digest: Parameter[str],
    data_digest: Parameter[str] = "",
) -> None:
    """Pushes a blessed model; its properties are those of TFX's own Pusher.

    Args:
        examples: The records; their manifest is counted in the push's record and kept
            beside the model.
        model: The model just trained.
        baseline: The model that it was compared with.
        evaluation_blessing: The Evaluator's: there was something to evaluate.
        blessing: The Judge's: the model is to be pushed.
        infra_blessing: The Judge's: a server can serve it.
        judgement: The verdict and the captions, which are kept beside the model.
        drift: The table of the run's clips, likewise.
        pushed_model: A copy of the pushed model, with the properties `pushed`,
            `pushed_destination` and `pushed_version`, and the digests of its
            `PushRecord`; `withheld` says why a blessed model was not pushed.
        destination: The folder that a model server watches.
        config_digest: Digest of the configuration that made the model.
        data_digest: Digest of the clips and captions that it was trained on.
    """
    executor.push_if_blessed(
        examples,
        model,
        baseline,
        (evaluation_blessing, blessing),
        infra_blessing,
        judgement,
        drift,
        pushed_model,
        destination,
        config_digest,
        data_digest,
    )
