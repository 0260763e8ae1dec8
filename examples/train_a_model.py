"""Trains a small captioner on extracted clips, exports it and scores it.

    kinescribe demo    # renders and extracts clips
    python examples/train_a_model.py demo/artifacts/VideoExampleGen/examples/1 out

The first argument is a folder that `kinescribe extract` or a pipeline wrote.
"""

from __future__ import annotations

import pathlib
import sys

import kinescribe


def main(records: str, out: str, epochs: int = 4) -> None:
    """Trains MGSA at a small size and prints its scores on the test split."""
    dataset = kinescribe.ExtractedDataset(records)
    model = kinescribe.presets.get("mgsa").model.override(
        {
            "encoder": {"grid": "tiny", "spatial": {"channels": [8, 16]}},
            "decoder": {"units": 64, "embedding": 32},
        }
    )
    plan = kinescribe.Plan.from_dict(
        {
            "stages": [
                {
                    "name": "cross_entropy",
                    "objective": {"kind": "cross_entropy"},
                    "epochs": epochs,
                    "learning_rate": {"kind": "constant", "rate": 2e-3},
                }
            ]
        }
    )
    result = kinescribe.train(
        model,
        dataset,
        pathlib.Path(out) / "runs",
        plan=plan,
        config=kinescribe.TrainingConfig(
            batch=kinescribe.ClipBatches(size=32, captions=5), max_words=16
        ),
    )
    print(f"validation CIDEr-D {result.score:.3f}")
    folder = kinescribe.export(
        result.model, pathlib.Path(out) / "model" / "1", kinescribe.BeamSearch(width=3)
    )
    scores, coverage = kinescribe.evaluate(kinescribe.load_model(folder), dataset)
    for name, score in scores.scores.items():
        print(f"{name:8} {100 * score.value:5.1f}")
    print(coverage)


if __name__ == "__main__":
    main(*sys.argv[1:3])
