import pytest

from transform.common.config import ConfigError
from transform.records import spans


@pytest.fixture
def number(tmp_path):
    return lambda clips, files: spans.number(str(tmp_path), clips, files)


def test_new_clips_are_a_span_and_other_records_of_them_a_version(number):
    assert number("ab", ["x/1"]) == (1, 1)
    assert number("abc", ["x/1", "x/2"]) == (2, 1)
    assert number("abc", ["y/3", "y/4"]) == (2, 2)
    assert number("ab", ["y/3"]) == (1, 2)


def test_the_same_records_have_the_same_numbers_again_and_nothing_is_written(
    number, tmp_path
):
    number("ab", ["x/1"]), number("abc", ["x/2"])
    before = (tmp_path / spans.FILE).stat()
    assert number("ba", ["elsewhere/1"]) == (1, 1)
    assert number("cab", ["x/2"]) == (2, 1)
    assert (tmp_path / spans.FILE).stat() == before


def test_a_damaged_file_is_one_sentence(number, tmp_path):
    (tmp_path / spans.FILE).write_text("{")
    with pytest.raises(ConfigError, match=rf"{spans.FILE} is damaged"):
        number("a", ["x/1"])
