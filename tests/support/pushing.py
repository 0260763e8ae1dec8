"""SavedModel folders as far as pushing is concerned."""

import pathlib

from serving.pushing.destination import PushRecord
from transform.schema import FeatureSpec, Flow

SPEC = FeatureSpec(features=(Flow(),))
OTHER_SPEC = FeatureSpec(features=(Flow(clip=10),))
RECORD = PushRecord(
    version="",
    model_digest="m" * 16,
    config_digest="c" * 16,
    data_digest="d" * 16,
    spec_hash=SPEC.content_hash,
    baseline_version="",
)


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


def files_of(folder: pathlib.Path | str) -> dict[str, str]:
    """The texts of a model's files by their relative paths, but for its push record."""
    return {
        str(path.relative_to(folder)): path.read_text("latin-1")
        for path in pathlib.Path(folder).rglob("*")
        if path.is_file() and path.name != "push.json"
    }
