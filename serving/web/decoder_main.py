"""The process that decodes uploads: `python -m serving.web.decoder_main FD BYTES`.

It reads a task at a time from a connection and answers with one message for each clip
that the upload is cut into. Its memory is bounded, by what it takes to start and
`BYTES`; its time is by whoever started it.
"""

from __future__ import annotations

import base64
import io
import json
import math
import os
import resource
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from PIL import Image

from keras_models import weight_axes
from serving.client import clip_parts
from serving.client.clip_features import extractor_of, record_of_extraction
from serving.client.clip_parts import ClipPart, Parts
from serving.visualization import overlays
from serving.visualization.clip_view import FILM_FRAMES
from serving.visualization.moments import ShownFrames, StepPlacement
from serving.web import places
from serving.web.decoding import Task
from transform.common.errors import KinescribeError
from transform.extractors.clip_extractor import Extraction
from transform.schema import FeatureSpec, Flow
from transform.schema.frame_placement import frame_edges
from transform.schema.resize import OwnShape, seen_part
from transform.video.frame_requests import FrameRequest
from transform.video.video_info import DecodeError

_PICTURE = 256  # pixels of a picture's long side
_FILM = FrameRequest(_PICTURE, ShownFrames((), FILM_FRAMES), OwnShape())
_MANY = 16  # clips of one upload; of more, only the middle frame is shown


def main(file_descriptor: int, memory_bytes: int) -> None:
    """Answers tasks until nobody sends any."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the gateway ends its processes
    connection = Connection(file_descriptor)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _bound_memory(memory_bytes)
    _send(connection, {"kind": "ready"})
    while True:
        try:
            task = Task(**json.loads(connection.recv_bytes()))
        except EOFError:
            return
        _answer(task, connection)
        _send(connection, {"kind": "done"})


def _bound_memory(more: int) -> None:
    """Lets the process take so many bytes more than it has now."""
    with open("/proc/self/status", encoding="ascii") as file:
        text = file.read()
    now = 1024 * int(text.partition("VmData:")[2].split()[0])
    resource.setrlimit(resource.RLIMIT_DATA, (now + more, now + more))


def _answer(task: Task, connection: Connection) -> None:
    """Sends the parts of an upload, or why there are none."""
    spec = FeatureSpec.from_json(task.spec_json)
    axes = weight_axes.from_json(task.attention_json)
    found = Parts(())

    def when_cut(path: str, parts: Parts) -> None:
        nonlocal found
        del path
        found = parts
        _send(connection, {"kind": "parts", "count": len(parts.parts)})

    parts = clip_parts.all_parts(
        [task.path], task.segments, task.start, task.end, when_cut
    )
    for number, part in enumerate(parts):
        if len(found.parts) > task.clips:
            sentence = (
                f"{task.name} would be cut into {len(found.parts)} clips; at most "
                f"{task.clips} are captioned here."
            )
            _send(connection, {"kind": "failed", "number": 0, "sentence": sentence})
            return
        message: dict[str, Any] = {
            "number": number,
            "start": (part.start or 0.0) + found.offset,
            "end": None if part.end is None else part.end + found.offset,
        }
        few = len(found.parts) <= _MANY
        try:
            message |= {"kind": "clip", **_clip(task, spec, axes, part, few)}
        except DecodeError as error:
            sentence = str(DecodeError(task.name, error.reason))
            message |= {"kind": "failed", "sentence": sentence}
        except KinescribeError as error:  # an unknown category
            message |= {"kind": "failed", "sentence": str(error)}
        except MemoryError:
            sentence = f"cannot decode {task.name}: it needs too much memory."
            message |= {"kind": "failed", "sentence": sentence}
        _send(connection, message)


def _clip(
    task: Task,
    spec: FeatureSpec,
    axes: weight_axes.NamedAxes,
    part: ClipPart,
    few: bool,
) -> dict[str, Any]:
    """Returns the record of a part, and what the page shows of it."""
    extraction = extractor_of(spec).extract(part.path, part.start, part.end, [_FILM])
    info = extraction.info
    frames = extraction.frames.frame_sets[_FILM].first_frames()  # (N, rows, columns, 3)
    seconds = extraction.frames.frame_seconds
    indices = _FILM.placement.frame_indices(seconds, spec.sampling)[:, 0]
    shown = range(len(frames)) if few else [len(frames) // 2]
    origin = seconds[0] if len(seconds) else 0.0
    return {
        "record": _text(record_of_extraction(spec, extraction, task.category)),
        "info": info._asdict(),
        "places": places.places_of(spec, axes, extraction) if few else {},
        "frames": [
            {
                "second": round(float(seconds[indices[row]] - origin), 3),
                "picture": _picture(_in_shape(frames[row], info), "JPEG"),
            }
            for row in shown
        ],
        "flow": _flow(spec, extraction) if few else [],
    }


def _flow(spec: FeatureSpec, extraction: Extraction) -> list[dict[str, Any]]:
    """Returns pictures of the optical flow at its steps, with their seconds."""
    edges = frame_edges(extraction.frames.frame_seconds)
    info = extraction.info
    found = []
    for feature in spec.features:
        if not isinstance(feature, Flow) or feature.name not in extraction.features:
            continue
        spans = StepPlacement(feature).spans(edges, spec.sampling)
        seen = seen_part(feature.fit, info.height, info.width, feature.size)
        planes = extraction.features[feature.name]
        for span, step in zip(spans.tolist(), planes, strict=False):
            picture = _picture(overlays.flow_image(step), "PNG")
            found.append({"span": span, "seen": list(seen), "picture": picture})
        break
    return found


def _in_shape(frame: np.ndarray, info: Any) -> Image.Image:
    """Returns a frame as players show it, where pixels are not square."""
    scale = _PICTURE / max(info.width, info.height)
    size = (max(1, round(info.width * scale)), max(1, round(info.height * scale)))
    return Image.fromarray(frame).resize(size)


def _picture(picture: Image.Image | np.ndarray, kind: str) -> str:
    """Returns a picture as a URL that holds it."""
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    file = io.BytesIO()
    picture.save(file, kind, quality=80)
    return f"data:image/{kind.lower()};base64,{_text(file.getvalue())}"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _send(connection: Connection, message: dict[str, Any]) -> None:
    text = json.dumps(_finite(message), allow_nan=False)
    connection.send_bytes(text.encode())


def _finite(value: Any) -> Any:
    """Returns values without numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]))
    except (BrokenPipeError, ConnectionError):
        os._exit(0)  # the gateway has ended
