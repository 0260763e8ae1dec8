"""The precisions that models compute in, with weights in float32 in every one."""

from __future__ import annotations

from typing import Literal

from keras_models.inference.int8_kernel import check_int8_supported

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]
ServedPrecision = Literal[Precision, "int8"]


def check_precision_supported(precision: ServedPrecision | None) -> None:
    """Checks that models can be served in a precision from this machine.

    Raises:
        KinescribeError: `precision` is int8 and TensorFlow has no such products here.
    """
    if precision == "int8":
        check_int8_supported()
