from tfx.types import artifact_utils, standard_artifacts

from components.caption_references import component
from components.evaluator import caption_metrics
from tests.support.component_records import SPEC, captions_of, write_records


def test_every_caption_of_the_split_is_written_where_the_metrics_look(tmp_path):
    examples = standard_artifacts.Examples()
    examples.uri = str(tmp_path / "examples")
    examples.split_names = artifact_utils.encode_split_names(["train", "test"])
    write_records(tmp_path / "examples/Split-train/data", clips=2)
    write_records(tmp_path / "examples/Split-test/data-0", clips=5)
    (tmp_path / "examples/feature_spec.json").write_text(SPEC.to_json())
    path = tmp_path / "references/test.json"
    for _ in range(2):  # the second run replaces the file
        component.CaptionReferences.test_call(
            examples=examples, split="test", path=str(path)
        )
    assert caption_metrics.read_references(str(path)) == {
        f"video{index}": list(captions_of(index)) for index in range(5)
    }
    assert [file.name for file in path.parent.iterdir()] == ["test.json"]
