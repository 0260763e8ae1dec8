"""The demonstration at its smallest, on a corpus of 24 clips."""

import pathlib

from pipeline import configs
from pipeline.configs import PipelineConfig
from serving.gates.config import GateConfig
from transform.moving_world import CorpusConfig, render_corpus

_SMALL = {
    "features": {"sampling": {"frames": 3, "window": 3}},
    "extraction": {"workers": 1, "shards": 2},
    "training": {
        "batch": {"kind": "clips", "size": 8, "captions": 2},
        "model": {
            "encoder": {"spatial": {"channels": [4, 8]}},
            "attentions": [{"kind": "additive", "units": 16}],
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
    "search": {"kind": "beam", "width": 2, "n_best": 2},
}


# Two epochs teach nobody to speak: what is left is what a test says of a model.
LENIENT = GateConfig.from_dict(
    {
        "sanity": {
            "empty": 1,
            "bad_endings": 1,
            "repetition": 1,
            "distinct": 0,
        },
        "controls": None,
        "cost": {"factor": 100, "calls": 3},
        "better": {"push_equal": True},
        "sampling": {"samples": 200},
    }
)


def small_pipeline(folder: pathlib.Path) -> PipelineConfig:
    """Renders the corpus in `folder`; everything else will lie in `folder`/run."""
    clips = CorpusConfig(train=14, val=4, test=6, references=5)
    corpus = render_corpus(clips, folder / "corpus", workers=1)
    places = {
        "root": str(folder / "run"),
        "corpus": {"files": [str(corpus.annotations)]},
    }
    return configs.find("demo").override(_SMALL | places).replace(gates=LENIENT)
