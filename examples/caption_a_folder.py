"""Captions every video of a folder into a CSV file.

    python examples/caption_a_folder.py MODEL CLIPS captions.csv

MODEL is an exported model, or a folder of its versions, such as `demo/pushed`. A clip
that cannot be read gets its reason in place of a caption.
"""

from __future__ import annotations

import csv
import pathlib
import sys

import kinescribe

ENDINGS = {".mp4", ".mkv", ".webm", ".avi", ".mov"}


def main(model_folder: str, clips: str, out: str) -> None:
    """Writes a row of name, caption, log-probability and problem for each clip."""
    model = kinescribe.load_model(model_folder)
    with open(out, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["clip", "caption", "log_prob", "problem"])
        for path in sorted(pathlib.Path(clips).iterdir()):
            if path.suffix.lower() not in ENDINGS:
                continue
            try:
                result = model.caption_file(path)
            except kinescribe.KinescribeError as error:
                rows.writerow([path.name, "", "", error])
            else:
                rows.writerow([path.name, result.caption, result.log_probs[0], ""])


if __name__ == "__main__":
    main(*sys.argv[1:])
