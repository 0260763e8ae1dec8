"""SavedModel folders as far as pushing is concerned."""

import pathlib

import tensorflow as tf

from serving.pushing.destination import PushRecord
from transform.schema import FeatureSpec, Flow

SPEC = FeatureSpec(features=(Flow(),))
OTHER_SPEC = FeatureSpec(features=(Flow(clip=10),))
_GRAPH = "\x08\x01\x12\x00"  # a SavedModel of one empty graph
RECORD = PushRecord(
    version="",
    weights_digest="m" * 16,
    config_digest="c" * 16,
    data_digest="d" * 16,
    spec_hash=SPEC.content_hash,
    baseline_version="",
)


def write_model(
    folder: pathlib.Path, content: str = "weights", spec: FeatureSpec = SPEC
) -> pathlib.Path:
    """Files of the right names, with `content` for weights."""
    for name, text in {
        "saved_model.pb": _GRAPH,
        "assets/feature_spec.json": spec.to_json(),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "variables").mkdir(exist_ok=True)
    tf.raw_ops.SaveV2(
        prefix=str(folder / "variables" / "variables"),
        tensor_names=["weights"],
        shape_and_slices=[""],
        tensors=[tf.constant(content)],
    )
    return folder


def files_of(folder: pathlib.Path | str) -> dict[str, str]:
    """The texts of a model's files by their relative paths, but for its push record."""
    return {
        str(path.relative_to(folder)): path.read_text("latin-1")
        for path in pathlib.Path(folder).rglob("*")
        if path.is_file() and path.name != "push.json"
    }
