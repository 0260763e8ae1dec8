import json

import pytest

from transform.datasets import AnnotationError, Jsonl, Msrvtt, VideoRecord
from transform.jobs import check_splits


def clips(*splits, captions=("a cat",)):
    return [VideoRecord(f"v{i}", "v", s, captions) for i, s in enumerate(splits)]


def test_every_split_is_needed():
    source = Jsonl(file="a")
    check_splits.check(clips("train", "val", "test"), source)
    with pytest.raises(AnnotationError, match=r"for validation or for testing .*3 for"):
        check_splits.check(clips("train", "train", "train"), source)
    with pytest.raises(AnnotationError, match="for testing"):
        withheld = clips("test", captions=())
        check_splits.check([*clips("train", "val"), *withheld], source)


def test_msr_vtt_with_all_clips_in_train_is_told_the_way_out(tmp_path):
    ids = [f"video{n}" for n in range(3)]
    data = {
        "videos": [{"video_id": name, "split": "train"} for name in ids],
        "sentences": [{"video_id": name, "caption": "a cat"} for name in ids],
    }
    (tmp_path / "a.json").write_text(json.dumps(data))
    source = Msrvtt(files=(str(tmp_path / "a.json"),))
    with pytest.raises(AnnotationError, match="by_number"):
        check_splits.check(source.read(), source)
    numbers = {"kind": "by_number", "train": 1, "val": 1, "test": 1}
    split = source.override({"splits": numbers})
    check_splits.check(split.read(), split)
