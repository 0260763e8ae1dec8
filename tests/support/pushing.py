"""SavedModel folders as far as pushing is concerned."""

import pathlib

from transform.schema import FeatureSpec, Flow

SPEC = FeatureSpec(features=(Flow(),))
OTHER_SPEC = FeatureSpec(features=(Flow(clip=10),))


def write_model(
    folder: pathlib.Path, content: str = "weights", spec: FeatureSpec = SPEC
) -> pathlib.Path:
    """Files of the right names; `content` tells models apart."""
    for name, text in {
        "saved_model.pb": "graph",
        "variables/variables.index": "index",
        "variables/variables.data-00000-of-00001": content,
        "assets/feature_spec.json": spec.to_json(),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder
