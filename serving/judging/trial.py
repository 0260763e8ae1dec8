"""Serves a model in a process of its own, as a test before it is pushed."""

from __future__ import annotations

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from serving.client.grpc_client import Client
from serving.common import model_versions, signature_names
from serving.common.errors import ServingError
from serving.export import warmup
from serving.gates.evidence import Served
from serving.gates.serving_cost import EmbeddedServer, ServableGate
from transform.common import storage
from transform.common.errors import KinescribeError

_SIGNATURES = (
    "serving_default",
    signature_names.CAPTION_EXAMPLES_SIGNATURE,
    signature_names.CAPTION_SIGNATURE,
    signature_names.FEATURE_SPEC_SIGNATURE,
)
_MODULE = "serving.judging.embedded_server"
_POLL_SECONDS = 0.2
_ERROR = " ERROR "  # before a message, in the log of our server


class _Server(NamedTuple):
    """A server that was started, and where it writes what it does."""

    process: subprocess.Popen[bytes]
    address: str
    log: pathlib.Path


def try_serving(
    model: str, examples: Mapping[str, bytes], gate: ServableGate
) -> Served:
    """Starts a server with a model, replays its warm-up and captions some clips.

    Args:
        model: Folder of the SavedModel.
        examples: Serialized records by clip.
        gate: The server, and how long it may take.

    Returns:
        Its captions, or the reason why there are none.
    """
    spec_hash = model_versions.read_spec(model).content_hash
    with tempfile.TemporaryDirectory(prefix="kinescribe-") as folder:
        base = pathlib.Path(folder, "versions")
        base.mkdir()
        if "://" in model:
            storage.copy_folder(model, str(base / "1"))
        else:
            (base / "1").symlink_to(os.path.abspath(model))
        log = pathlib.Path(folder, "log")
        try:
            with _server(gate, base, log) as server:
                return _questioned(server, model, examples, spec_hash, gate)
        except KinescribeError as error:
            said = str(error).replace(str(base / "1"), model)
            return Served(f"It cannot be served: {said}")


@contextlib.contextmanager
def _server(
    gate: ServableGate, base: pathlib.Path, log: pathlib.Path
) -> Iterator[_Server]:
    port = _free_port()
    if isinstance(gate.infra, EmbeddedServer):
        command = [sys.executable, "-m", _MODULE, str(base), str(port)]
    else:
        places = {
            "port": port,
            "model_base": base,
            "model_name": signature_names.MODEL_NAME,
        }
        command = [part.format(**places) for part in gate.infra.command]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
    }
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env=environment
            )
    except OSError as error:
        raise ServingError(
            f"the server {command[0]} of gates.servable.infra cannot be started: "
            f"{error.strerror}."
        ) from error
    try:
        yield _Server(process, f"127.0.0.1:{port}", log)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _questioned(
    server: _Server,
    model: str,
    examples: Mapping[str, bytes],
    spec_hash: str,
    gate: ServableGate,
) -> Served:
    deadline = time.monotonic() + gate.seconds
    with Client(server.address, timeout=gate.seconds) as client:
        signatures = _signatures(client, server, deadline)
        missing = [name for name in _SIGNATURES if name not in signatures]
        if missing:
            return Served(f"It lacks the signature {', '.join(missing)}.")
        if client.spec.content_hash != spec_hash:
            return Served(
                f"It says that its specification is {client.spec.content_hash}, its "
                f"files say {spec_hash}."
            )
        for request in warmup.read(model):
            inputs = {name: _array(value) for name, value in request.inputs.items()}
            client.predict(request.model_spec.signature_name, inputs)
        results = client.caption_examples(list(examples.values()))
        captions = {
            clip: result.spaced for clip, result in zip(examples, results, strict=True)
        }
        return Served("", captions, _peak_bytes(server.process.pid))


def _signatures(client: Client, server: _Server, deadline: float) -> frozenset[str]:
    """Waits until the server has loaded the model, or has said that it cannot."""
    while True:
        try:
            return frozenset(client._signatures())
        except ServingError as error:
            lines = server.log.read_text(errors="replace").strip().splitlines()
            for line in lines:
                if _ERROR in line:
                    raise ServingError(line.partition(_ERROR)[2]) from error
            if server.process.poll() is not None:
                last = lines[-1] if lines else "nothing"
                raise ServingError(f"it ended; its last words: {last}") from error
            if time.monotonic() > deadline:
                raise ServingError(f"it did not start in time; {error}") from error
            time.sleep(_POLL_SECONDS)


def _array(value: object) -> object:
    import tensorflow as tf

    return tf.make_ndarray(value)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _peak_bytes(pid: int) -> int:
    """Returns the most memory that a process has held; 0 where nobody tells."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return 1024 * int(found[0]) if found else 0
