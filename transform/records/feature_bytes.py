"""A feature of a clip as the bytes that its record holds, without TensorFlow."""

from __future__ import annotations

import cv2
import numpy as np

from transform.schema import FeatureLayout, Jpeg, Label, Raw


def encode_tensor(array: np.ndarray, tensor: FeatureLayout) -> bytes:
    """Encodes one feature; `ValueError` if the array does not fit its layout."""
    steps, *step_shape = array.shape
    if tuple(step_shape) != tensor.step_shape or not 0 < steps <= tensor.max_steps:
        raise ValueError(
            f"feature {tensor.name} must be (1…{tensor.max_steps}, "
            f"{', '.join(map(str, tensor.step_shape))}); received {array.shape}"
        )
    if isinstance(tensor.encoding, Raw):
        return np.ascontiguousarray(array, dtype="<f2").tobytes()
    if isinstance(tensor.encoding, Label):
        return _label(array[0], tensor.encoding.names, tensor.name)
    if array.dtype != np.uint8:
        raise ValueError(f"feature {tensor.name} must be uint8; received {array.dtype}")
    columns = tensor.step_shape[1]
    image = array.transpose(0, 3, 1, 2).reshape(-1, columns)  # (T · planes · rows, W)
    if isinstance(tensor.encoding, Jpeg):
        options = [cv2.IMWRITE_JPEG_QUALITY, tensor.encoding.quality]
        done, data = cv2.imencode(".jpg", image, options)
    else:
        options = [cv2.IMWRITE_PNG_COMPRESSION, tensor.encoding.level]
        done, data = cv2.imencode(".png", image, options)
    if not done:
        raise ValueError(f"feature {tensor.name}: {image.shape} image not encodable")
    return data.tobytes()


def decode_tensor(data: bytes, tensor: FeatureLayout) -> np.ndarray:
    """Decodes the bytes of `encode_tensor` with NumPy."""
    if isinstance(tensor.encoding, Raw):
        return np.frombuffer(data, dtype="<f2").reshape(-1, *tensor.step_shape)
    if isinstance(tensor.encoding, Label):
        ones = np.eye(len(tensor.encoding.names), dtype=np.float16)
        return ones[[name.encode() == data for name in tensor.encoding.names]]
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    rows, columns, planes = tensor.step_shape
    return image.reshape(-1, planes, rows, columns).transpose(0, 2, 3, 1)


def _label(values: np.ndarray, names: tuple[str, ...], feature: str) -> bytes:
    """Returns the name that one-hot values stand for, no text for zeros."""
    chosen = np.flatnonzero(values)
    if not len(chosen):
        return b""
    if len(chosen) > 1 or values[chosen[0]] != 1:
        raise ValueError(f"feature {feature} must be one-hot; received {values}")
    return names[chosen[0]].encode()
