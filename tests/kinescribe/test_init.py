import csv
import json
import pathlib
import subprocess
import sys

import pytest
import yaml
from typer.testing import CliRunner

from kinescribe import cli
from tests.support import clips, paths
from transform.common.errors import KinescribeError
from transform.datasets import Jsonl


def init(*words):
    command = ["init", *map(str, words), "--json"]
    done = CliRunner().invoke(cli.app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """Six clips in a spreadsheet's table: one a copy, one broken, one uncaptioned."""
    folder = tmp_path_factory.mktemp("catalogue")
    lines = ["\ufeffFile;Caption"]
    for number in range(5):
        clips.write(folder / f"{number}.mp4", 8 + 2 * number, sound="aac")
        lines += [f'{number}.mp4;"a cat sits;\nand purrs"', f"{number}.mp4;the cat"]
    (folder / "copy.mp4").write_bytes((folder / "0.mp4").read_bytes())
    (folder / "broken.mp4").write_text("not a video")
    lines += ["copy.mp4;a cat", "broken.mp4;a dog", "1.mp4;", "none.mp4;"]
    (folder / "My clips.csv").write_bytes("\r\n".join(lines).encode())
    return folder


def test_a_table_becomes_a_configuration_that_can_run(catalogue, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    facts = init(catalogue / "My clips.csv")
    assert facts["errors"] == []
    assert (facts["clips"], facts["captions"], facts["with_sound"]) == (6, 11, 6)
    assert list(facts["broken"]) == [str(catalogue / "broken.mp4")]
    assert facts["uncaptioned"] == [str(catalogue / "none.mp4")]
    assert facts["copies"] == [["0", "copy"]]
    assert sum(facts["splits"].values()) == 6 and all(facts["splits"].values())
    config = yaml.safe_load((tmp_path / "my-clips.yaml").read_text())
    assert config["training"]["variant"] == "mgsa_audio"
    records = Jsonl(file=config["corpus"]["file"]).read()
    assert records[0].captions == ("a cat sits; and purrs", "the cat")
    split = {record.video_id: record.split for record in records}
    assert split["0"] == split["copy"]


def test_nothing_is_overwritten_unless_that_is_asked_for(catalogue, tmp_path):
    out = tmp_path / "mine.yaml"
    out.write_text("years of work")
    source = catalogue / "My clips.csv"
    with pytest.raises(KinescribeError, match="is there already: --force"):
        init(source, "--out", out)
    assert out.read_text() == "years of work"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]
    init(source, "--out", out, "--force")
    assert "Written by `kinescribe init`" in out.read_text()


@pytest.mark.parametrize(
    ("table", "part"),
    [
        ("video,caption\n0.mp4,\n1.mp4,\n", "none of the 2 clips of .* has a caption"),
        ("video,caption\n0.mp4,a cat\n", "1 different clip .* too few to divide"),
        ("video,caption\nbroken.mp4,a cat\n", "broken.mp4 it is neither a video nor"),
        ("video,caption,id\n0.mp4,a,x\n1.mp4,a,x\n", "the id 'x' is that of another"),
        ("video,caption,split\n0.mp4,a,trian\n", "split 'trian' is unknown"),
    ],
)
def test_what_nothing_can_be_learnt_from_is_one_sentence(
    catalogue, tmp_path, table, part
):
    source = catalogue / "bad.csv"
    source.write_text(table)
    with pytest.raises(KinescribeError, match=part):
        init(source, "--out", tmp_path / "x.yaml")
    assert not list(tmp_path.iterdir())


def test_a_source_of_no_known_kind_is_one_sentence(tmp_path):
    with pytest.raises(KinescribeError, match=r"neither a folder nor a \.csv"):
        init(tmp_path / "absent.xlsx")


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.skipif(not paths.SHARED.is_dir(), reason="the real clips are absent")
def test_real_clips_and_one_table_run_to_a_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = dict(
        map(str.split, (paths.SHARED / "captions" / "youtube_mapping.txt").open())
    )
    with open("real.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["video", "caption"])
        for clip in sorted((paths.SHARED / "clips").iterdir()):
            video = names.get(clip.stem.removeprefix("MSVD_"), "")
            for line in (paths.SHARED / "captions" / "msvd_all.txt").open():
                if line.startswith(f"{video}\t"):
                    table.writerow([clip, line.partition("\t")[2]])
    facts = init("real.csv")
    assert facts["clips"] == 6 and not facts["errors"]
    words = [
        "run",
        "real.yaml",
        "--set",
        "training.epochs={cross_entropy: 3}",
        "--json",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "kinescribe", *words], capture_output=True, text=True
    )
    assert done.returncode in (0, 3), done.stderr
    assert pathlib.Path(json.loads(done.stdout)["report"]).exists()
