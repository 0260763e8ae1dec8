"""Which frames a placement means, frame by frame, from its words alone."""

from __future__ import annotations

from fractions import Fraction


def key_frames(frames: int, wanted: int) -> list[int]:
    """The frame that the centre of each of `wanted` equal segments falls into."""
    count = min(frames, wanted)
    return [int(Fraction(frames * (2 * n + 1), 2 * count)) for n in range(count)]


def around(keys: list[int], frames: int, span: int, ahead: int) -> list[list[int]]:
    """Runs of `span` frames with the key frame in the middle, the earlier of two."""
    found = []
    for key in keys:
        run, position = [], key - (span - 1) // 2
        while len(run) < span + ahead:
            run.append(_inside(position, frames))
            position += 1
        found.append(run)
    return found


def every(frames: int, step: int, most: int, span: int, ahead: int) -> list[list[int]]:
    """Steps of `step` frames while they and their runs lie within the clip."""
    found = []
    first = 0
    while len(found) < most and (
        not found or (first + step <= frames and first + span <= frames)
    ):
        begin = first if span > 1 else first + min(step, frames) // 2
        found.append([_inside(begin + n, frames) for n in range(span + ahead)])
        first += step
    return found


def whole(frames: int, most: int, span: int, ahead: int) -> list[list[int]]:
    """One run padded to whole chunks, or single frames."""
    seen = min(frames, most)
    if span == 1:
        return [
            [_inside(frame + n, seen) for n in range(1 + ahead)]
            for frame in range(seen)
        ]
    run = list(range(seen))
    while len(run) % span:
        run.append(seen - 1)
    return [run + [seen - 1] * ahead]


def nearest(seconds: list[float], fps: float) -> list[int]:
    """The nearest frame to each tick, the earlier of two; ticks begin with the clip."""
    count = len(seconds)
    gap = (seconds[-1] - seconds[0]) / (count - 1) if count > 1 else 0.0
    found = []
    tick = 0
    while (moment := seconds[0] + tick / fps) <= seconds[-1] + gap / 2 + 1e-6:
        distances = [abs(second - moment) for second in seconds]
        best = min(distances)
        found.append(
            next(i for i, distance in enumerate(distances) if distance <= best + 1e-6)
        )
        tick += 1
    return found


def nearest_key(frames: int, wanted: int) -> list[int]:
    """The key frame that each frame is nearest to, by number; of two, the later."""
    keys = key_frames(frames, wanted)
    return [
        min(range(len(keys)), key=lambda n: (abs(keys[n] - frame), -n))
        for frame in range(frames)
    ]


def _inside(position: int, frames: int) -> int:
    return min(max(position, 0), frames - 1)
