"""Gates on what is served: that it is what was evaluated, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal, Optional, Union

from serving.gates.evidence import Evidence, Sampling
from serving.gates.gate import Gate
from serving.gates.verdict import Finding, number
from transform.common.config import BY_KIND, ByteSize, Config, Field, validator


class EmbeddedServer(Config):
    """Kinescribe's own server, in a process of its own."""

    kind: Literal["embedded"] = "embedded"


class TFServing(Config):
    """A server program of TensorFlow Serving's kind."""

    kind: Literal["tf_serving"] = "tf_serving"
    # the program with its arguments, in which {port}, {model_name} and {model_base}
    # are filled in
    command: tuple[str, ...] = (
        "tensorflow_model_server",
        "--port={port}",
        "--model_name={model_name}",
        "--model_base_path={model_base}",
    )

    @validator("command")
    def _has_its_places(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        for place in ("{port}", "{model_base}"):
            if not any(place in part for part in command):
                raise ValueError(f"command has no {place}: the server needs it")
        return command


ServerKind = Annotated[Union[EmbeddedServer, TFServing], BY_KIND]


class ServableGate(Gate):
    """Refuses a model that a server cannot serve, or serves otherwise than it was."""

    infra: ServerKind = EmbeddedServer()  # the server that it is tried in
    clips: int = Field(20, ge=1)  # test clips that the server captions
    seconds: float = Field(300.0, gt=0)  # that starting and captioning may take

    def check(self, evidence: Evidence, sampling: Sampling) -> Iterator[Finding]:
        """Yields one finding: that it serves what was evaluated, or why not."""
        del sampling
        served = evidence.served
        if served is None:
            return
        expected = evidence.model.captions
        other = [c for c, text in served.captions.items() if text != expected.get(c)]
        said = served.problem
        if not said and other:
            clip = other[0]
            said = (
                f"The server's caption of {clip} is “{served.captions[clip]}”, the "
                f"evaluated one “{expected.get(clip, '')}”; {len(other)} of "
                f"{len(served.captions)} differ."
            )
        yield Finding(
            gate="servable",
            status="refused" if said else "passed",
            sentence=said
            or f"It serves what was evaluated: {len(served.captions)} clips alike.",
            value=float(len(other)),
            bound=0.0,
            clips=len(served.captions),
        )


class CostGate(Gate):
    """Refuses a model whose captions cost much more than the baseline's."""

    # largest ratio of the 95th percentiles of CPU time, to the baseline's here and now
    factor: float = Field(1.5, gt=0)
    # largest 95th percentile of a caption's CPU time in seconds; any without it
    max_cpu_seconds: Optional[float] = Field(None, gt=0)
    max_size: Optional[ByteSize] = None  # of the model's folder; any without it
    max_memory: Optional[ByteSize] = None  # of a server with it; any without it
    calls: int = Field(30, ge=1)  # that the percentile is of

    def check(self, evidence: Evidence, sampling: Sampling) -> Iterator[Finding]:
        """Yields a finding for each cost that is bounded and known."""
        del sampling
        cost, before = evidence.cost, evidence.baseline_cost
        if cost is not None and before is not None:
            ratio = cost.cpu_p95 / max(before.cpu_p95, 1e-9)
            yield _at_most(
                "latency",
                ratio,
                self.factor,
                f"A caption takes {1000 * cost.cpu_p95:.0f} ms of CPU time "
                f"(p95 of {cost.calls}), {ratio:.2f} × the baseline's "
                f"{1000 * before.cpu_p95:.0f} ms; at most {self.factor:g} × is "
                "allowed.",
            )
        if cost is not None and self.max_cpu_seconds is not None:
            yield _at_most(
                "latency",
                cost.cpu_p95,
                self.max_cpu_seconds,
                f"A caption takes {number(cost.cpu_p95)} s of CPU time "
                f"(p95 of {cost.calls}); at most {self.max_cpu_seconds:g} s is "
                "allowed.",
            )
        if cost is not None and self.max_size is not None:
            yield _at_most(
                "size",
                cost.bytes,
                self.max_size,
                f"The model takes {_megabytes(cost.bytes)}; at most "
                f"{_megabytes(self.max_size)} is allowed.",
            )
        served = evidence.served
        if served is not None and served.peak_bytes and self.max_memory is not None:
            yield _at_most(
                "memory",
                served.peak_bytes,
                self.max_memory,
                f"A server with it takes {_megabytes(served.peak_bytes)} of memory; at "
                f"most {_megabytes(self.max_memory)} is allowed.",
            )


def _at_most(metric: str, value: float, bound: float, sentence: str) -> Finding:
    bad = value > bound or math.isnan(value)
    return Finding(
        gate="cost",
        status="refused" if bad else "passed",
        sentence=sentence,
        metric=metric,
        value=float(value),
        bound=float(bound),
    )


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.1f} MB"
