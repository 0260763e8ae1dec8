from serving.pushing import destination
from tests.support.pushing import write_model


def test_folder_without_a_model_or_a_number_is_no_version(tmp_path):
    (tmp_path / "17").mkdir()
    write_model(tmp_path / "newest")
    write_model(tmp_path / "5")
    write_model(tmp_path / "12")
    versions = [pushed.version for pushed in destination.versions(str(tmp_path))]
    assert versions == ["5", "12"]
    assert destination.latest(str(tmp_path)).record() is None
