"""How fast a long video's segments are captioned, together and one at a time.

    python benchmarks/caption_segments.py VIDEO MODEL [--seconds 5] [--rounds 3]

In one pass is what `kinescribe caption --segments` and `describe` do: the file is
decoded once, a thread a core extracts, while batches are captioned. Together is the
same, but each segment is sought and decoded by itself. One at a time is `caption_file`
for each segment, as a loop would call it. They take turns, so that what else runs on
the machine slows all; wall times are medians of the rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from serving.client import clip_parts
from serving.client.clip_parts import ClipPart
from serving.client.local_model import LocalModel
from serving.client.many import caption_many
from transform.video import segments, timeline


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video")
    parser.add_argument("model")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    model = LocalModel(options.model)
    cut = segments.by_length(timeline.demux(options.video), options.seconds)
    parts = [ClipPart(options.video, each.start, each.end) for each in cut]

    def together() -> list[str]:
        with timeline.kept(options.video):
            answers = list(caption_many(model, parts))
        return [each.result.caption if each.result else "" for each in answers]

    def in_one_pass(segments: str | float = options.seconds) -> list[str]:
        decoded = clip_parts.decoded_parts(
            options.video, segments, None, None, model.spec
        )
        answers = list(caption_many(model, (part for part, _ in decoded)))
        return [each.result.caption if each.result else "" for each in answers]

    def one_at_a_time() -> list[str]:
        return [model.caption_file(*part[:3]).caption for part in parts]

    began = time.perf_counter()
    scenes = segments.by_scenes(options.video, timeline.demux(options.video))
    found = time.perf_counter() - began
    print(f"{len(scenes)} scenes in {found:.1f} s of {cut[-1].end:.0f} s of video")

    ways: dict[str, Callable[[], list[str]]] = {
        "one at a time": one_at_a_time,
        "together": together,
        "in one pass": in_one_pass,
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    captions = {name: way() for name, way in ways.items()}  # the first builds graphs
    for _ in range(options.rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - began)
    for name, taken in times.items():
        print(
            f"{name:15}{len(parts) / statistics.median(taken):6.2f} segments a second"
        )
    gain = statistics.median(times["one at a time"]) / statistics.median(
        times["in one pass"]
    )
    same = sum(len({*each}) == 1 for each in zip(*captions.values(), strict=True))
    print(
        f"one pass is {gain:.2f} × as fast; {same} of {len(parts)} captions are equal"
    )
    began = time.perf_counter()
    count = len(in_one_pass("scenes"))
    print(f"{count} scenes, found and captioned: {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
