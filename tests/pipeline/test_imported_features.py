import numpy as np
import pytest

from pipeline import local_runner
from pipeline.configs import PipelineConfig
from tests.support.small_pipeline import LENIENT

COLOURS = ("red", "green", "blue", "white")


class Silent:
    def on_stage_begin(self, index, total, name):
        pass

    def on_stage_end(self, index, total, stage):
        pass

    def on_stage_failure(self, index, total, name):
        pass


@pytest.fixture
def config(tmp_path) -> PipelineConfig:
    """Clips without files, whose captions follow from their features."""
    random = np.random.default_rng(0)
    lines = ["id,video,split,caption"]
    for number in range(26):
        name = f"clip{number}"
        split = "train" if number < 14 else "val" if number < 19 else "test"
        colour = number % 4
        for caption in (f"a {COLOURS[colour]} ball", f"the {COLOURS[colour]} ball"):
            lines.append(f"{name},{name}.mp4,{split},{caption}")
        values = random.normal(0, 0.1, (6, 4)) + np.eye(4)[colour]
        np.savez(tmp_path / f"{name}.npz", image=values, motion=values[::-1])
    (tmp_path / "clips.csv").write_text("\n".join(lines))
    (tmp_path / "clip3.npz").unlink()
    return PipelineConfig.from_dict(
        {
            "name": "imported",
            "root": str(tmp_path / "run"),
            "corpus": {"kind": "csv", "file": str(tmp_path / "clips.csv")},
            "features": {
                "features": [
                    {
                        "kind": "imported",
                        "name": name,
                        "shape": [4],
                        "max_steps": 4,
                        "files": {
                            "kind": "npz",
                            "file": f"{tmp_path}/{{video_id}}.npz",
                            "key": name,
                        },
                    }
                    for name in ("image", "motion")
                ]
            },
            "extraction": {"workers": 1, "shards": 2},
            "training": {
                "variant": "vatex_temporal",
                "max_words": 5,
                "batch": {"kind": "clips", "size": 8, "captions": 2},
                "model": {
                    "encoder": {
                        "modalities": ["image", "motion"],
                        "memory": {
                            "kind": "segments",
                            "streams": ["image", "motion"],
                        },
                        "units": 16,
                    },
                    "attentions": [{"kind": "additive", "units": 8}],
                    "decoder": {"units": 16, "embedding": 8},
                },
                "plan": {
                    "stages": [
                        {
                            "name": "cross_entropy",
                            "objective": {"kind": "cross_entropy"},
                            "epochs": 2,
                        }
                    ]
                },
            },
            "search": {"kind": "beam", "width": 2},
        }
    ).replace(gates=LENIENT)


@pytest.mark.slow
def test_a_pipeline_runs_on_imported_features_alone(config):
    outcome = local_runner.run(config, Silent())
    assert outcome.coverage == "25 of 26 clips"
    assert outcome.pushed
    assert outcome.report.is_file()

    # The component runs again when a file is another, and only then.
    def looked_again() -> bool:
        result = local_runner.run(config, Silent())
        [stage] = (s for s in result.stages if s.name == "VideoExampleGen")
        return not stage.cached

    assert not looked_again()
    path = config.features.features[0].files.file.format(video_id="clip1")
    np.savez(path, image=np.ones((1, 4)), motion=np.ones((1, 4)))
    assert looked_again()
