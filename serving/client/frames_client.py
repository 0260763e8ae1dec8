"""`FramesClient`: captions through a server's REST interface, without TensorFlow."""

from __future__ import annotations

import base64
import json
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import cv2
import numpy as np

from serving.client import caption_result
from serving.client.caption_result import CaptionResult
from serving.common import signature_names
from serving.common.errors import RefusedError, ServingError
from transform.common import loopback
from transform.extractors.flow import FlowExtractor
from transform.records import feature_bytes
from transform.records.picture_features import maps_of, others_of
from transform.schema import SPEC_HASH, FeatureSpec, Flow, Label, SpecMismatchError
from transform.video import reader
from transform.video.clip import Clip
from transform.video.frame_requests import FrameRequest

_FIRST_SECONDS = 0.2  # before a call is repeated; twice as long each time
_BUSY = (429, 503)


class FramesClient:
    """Captions with a model that was exported with `frames`, and needs no TensorFlow.

    The server may be `kinescribe serve --rest-port` or TensorFlow Serving. Key frames
    are decoded here, and optical flow is computed; the network runs on the server.

    Args:
        url: `http://host:8501`, or `https://…`.
        model_name: The name that the server knows the model by.
        token: Sent as `authorization: Bearer …` with every call.
        ca_file: Authority of the server's certificate; the system's, if empty.
        timeout: Seconds that a call may take.
        attempts: How often a call is sent that finds nobody, or a busy server.
        pictures: How key frames are sent: `png` gives the captions of `Client`; `jpeg`
            is a quarter as large, and changes the network's values a little.
    """

    def __init__(
        self,
        url: str,
        model_name: str = signature_names.MODEL_NAME,
        token: str = "",
        ca_file: str = "",
        timeout: float = 60.0,
        attempts: int = 5,
        pictures: Literal["png", "jpeg"] = "png",
    ):
        self._url = f"{url.rstrip('/')}/v1/models/{model_name}:predict"
        self._headers = {"content-type": "application/json"}
        if token:
            self._headers["authorization"] = f"Bearer {token}"
        self._timeout = timeout
        self._attempts = attempts
        self._ending = {"png": ".png", "jpeg": ".jpg"}[pictures]
        context = ssl.create_default_context(cafile=ca_file or None)
        handlers: list[Any] = [urllib.request.HTTPSHandler(context=context)]
        if loopback.is_loopback(url.partition("//")[2].partition("/")[0]):
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)
        self._spec: FeatureSpec | None = None

    @property
    def spec(self) -> FeatureSpec:
        """The specification of the model's features.

        It is requested once, and anew when the server refuses what fits it.
        """
        if self._spec is None:
            outputs = self.predict(
                signature_names.FEATURE_SPEC_SIGNATURE, {signature_names.REQUEST: [b""]}
            )
            self._spec = caption_result.spec_from_outputs(outputs)
        return self._spec

    def caption_file(
        self,
        path: str | os.PathLike[str],
        start: float | None = None,
        end: float | None = None,
        category: str = "",
    ) -> CaptionResult:
        """Captions a video file, or the seconds from `start` to `end` of it.

        Args:
            path: The file.
            start: Start of the clip in seconds; None for the beginning of the file.
            end: End of the clip in seconds; None for the end of the file.
            category: The clip's category, for models that read it.

        Raises:
            transform.video.video_info.DecodeError: The clip cannot be read.
            transform.common.config.ConfigError: The model's features cannot be made
                of pictures.
            serving.common.errors.ServingError: The server does not respond, or refuses.
        """
        try:
            return self._caption_clip(path, start, end, category)
        except SpecMismatchError:  # a new model came in; `spec` is now its own
            return self._caption_clip(path, start, end, category)

    def _caption_clip(
        self,
        path: str | os.PathLike[str],
        start: float | None,
        end: float | None,
        category: str,
    ) -> CaptionResult:
        spec = self.spec
        first = maps_of(spec)[0]
        pictures = FrameRequest(first.size, first.at, first.fit)
        flows = {
            feature.name: FlowExtractor(feature, spec.sampling)
            for feature in spec.features
            if isinstance(feature, Flow)
        }
        requests = [pictures]
        for extractor in flows.values():
            requests += extractor.frame_requests()
        frames = reader.read_frames(path, spec.sampling, requests, start, end)
        clip = Clip(path, frames, start, end)
        features: dict[str, bytes] = {}
        for tensor in others_of(spec):
            if isinstance(tensor.encoding, Label):
                features[tensor.name] = category.encode()
            elif (planes := flows[tensor.name].extract(clip)) is not None:
                features[tensor.name] = feature_bytes.encode_tensor(planes, tensor)
        encoded = [
            self._picture(each) for each in clip.frame_set(pictures).first_frames()
        ]
        return self.caption_frames([encoded], [features])[0]

    def caption_frames(
        self,
        pictures: Sequence[Sequence[bytes]],
        features: Sequence[Mapping[str, bytes]],
    ) -> list[CaptionResult]:
        """Captions clips whose key frames are pictures already.

        Args:
            pictures: Of each clip, JPEG or PNG files of its key frames, as large as the
                network reads them.
            features: Of each clip, the other features as bytes, as records hold them;
                what a clip lacks is left out.

        Raises:
            SpecMismatchError: A model of another specification came in meanwhile.
            serving.common.errors.ServingError: The server does not respond, or refuses.
        """
        spec = self.spec
        steps = spec.sampling.frames
        rows = [[*row, *[b""] * (steps - len(row))] for row in pictures]
        inputs: dict[str, Any] = {
            signature_names.FRAMES: rows,
            SPEC_HASH: [spec.content_hash.encode()] * len(rows),
        }
        for tensor in others_of(spec):
            inputs[tensor.name] = [row.get(tensor.name, b"") for row in features]
        return self._captioned(signature_names.CAPTION_FRAMES_SIGNATURE, inputs)

    def caption_examples(self, examples: Sequence[bytes]) -> list[CaptionResult]:
        """Captions serialized records, whose features somebody extracted.

        Raises:
            SpecMismatchError: A model of another specification came in meanwhile.
            serving.common.errors.ServingError: The server does not respond, or refuses.
        """
        inputs = {signature_names.EXAMPLES: list(examples)}
        return self._captioned(signature_names.CAPTION_EXAMPLES_SIGNATURE, inputs)

    def _captioned(
        self, signature: str, inputs: Mapping[str, Any]
    ) -> list[CaptionResult]:
        spec = self.spec
        try:
            outputs = self.predict(signature, inputs)
        except RefusedError:
            self._spec = None
            caption_result.check_same_model(self.spec, spec)
            raise
        return caption_result.from_outputs(outputs, spec.content_hash)

    def predict(
        self, signature: str, inputs: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        """Calls a signature of the model that answers with several outputs.

        A call that finds the server busy, or nobody, is repeated.

        Args:
            signature: Name of the signature.
            inputs: Nested lists of bytes, by name.

        Raises:
            serving.common.errors.ServingError: The server does not respond, or refuses.
        """
        body = {"signature_name": signature, "inputs": _as_json(dict(inputs))}
        request = urllib.request.Request(
            self._url, json.dumps(body).encode(), self._headers
        )
        wait = _FIRST_SECONDS
        for attempt in range(1, self._attempts + 1):
            try:
                with self._opener.open(request, timeout=self._timeout) as answer:
                    outputs = json.load(answer)["outputs"]
                return {name: _array(value) for name, value in outputs.items()}
            except urllib.error.HTTPError as error:
                with error:
                    if error.code not in _BUSY or attempt == self._attempts:
                        raise self._refused(error) from None
            except OSError as error:
                if attempt == self._attempts:
                    reason = getattr(error, "reason", error)
                    raise ServingError(
                        f"no server answers at {self._url} ({reason}); start one with "
                        "`kinescribe serve --rest-port 8501`."
                    ) from error
            time.sleep(wait)
            wait *= 2
        raise AssertionError("the last attempt returns or raises")

    def _refused(self, error: urllib.error.HTTPError) -> ServingError:
        try:
            reason = str(json.load(error)["error"])
        except (KeyError, TypeError, ValueError):
            reason = error.reason
        kind = RefusedError if error.code == 400 else ServingError
        return kind(f"the server at {self._url} answers {error.code}: {reason}")

    def _picture(self, frame: np.ndarray) -> bytes:
        done, data = cv2.imencode(
            self._ending,
            cv2.cvtColor(frame, cv2.COLOR_RGB2BGR),
            [cv2.IMWRITE_JPEG_QUALITY, 95] if self._ending == ".jpg" else [],
        )
        assert done, "a frame of bytes can be encoded"
        return data.tobytes()


def _as_json(value: Any) -> Any:
    """Returns nested lists with bytes as TensorFlow Serving's JSON has them."""
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {name: _as_json(each) for name, each in value.items()}
    return [_as_json(each) for each in value]


def _array(value: Any) -> np.ndarray:
    """Returns an output as an array, strings as bytes."""
    array = np.array(value)
    return np.char.encode(array, "utf-8") if array.dtype.kind == "U" else array
