import json

from serving.pushing import destination
from tests.support.pushing import RECORD, write_model


def test_folder_without_a_model_or_a_number_is_no_version(tmp_path):
    (tmp_path / "17").mkdir()
    write_model(tmp_path / "newest")
    write_model(tmp_path / "5")
    write_model(tmp_path / "12")
    versions = [pushed.version for pushed in destination.versions(str(tmp_path))]
    assert versions == ["5", "12"]
    assert destination.latest(str(tmp_path)).record() is None


def test_a_record_of_the_first_format_is_read(tmp_path):
    folder = write_model(tmp_path / "3")
    written = {
        name: getattr(RECORD, name)
        for name in (
            *("version", "weights_digest", "config_digest", "data_digest"),
            *("spec_hash", "baseline_version"),
        )
    }
    (folder / "assets.extra").mkdir()
    (folder / destination.RECORD).write_text(json.dumps(written))
    record = destination.latest(str(tmp_path)).record()
    assert record == RECORD
    assert (record.format, record.scores, record.changed) == (1, {}, None)
