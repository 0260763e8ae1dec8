"""The command `kinescribe serve`, which serves pushed models."""

from __future__ import annotations

from typing import Annotated, Any, Optional

import typer

from kinescribe import listening_options
from kinescribe.listening_options import (
    CorsOrigins,
    LogFormat,
    TlsCertificate,
    TlsKey,
    TokenFile,
)


def command(
    model_base: Annotated[
        Optional[str],
        typer.Argument(help="Folder that models are pushed to: <base>/<number>/."),
    ] = None,
    model_config_file: Annotated[
        Optional[str],
        typer.Option(
            help="Serve the models of this file, in TensorFlow Serving's form."
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on, or unix:PATH for gRPC.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="gRPC port; 0 takes a free one.", min=0, max=65535)
    ] = 8500,
    rest_port: Annotated[
        Optional[int],
        typer.Option(help="Offer REST here, by custom 8501.", min=0, max=65535),
    ] = None,
    metrics_port: Annotated[
        Optional[int],
        typer.Option(
            help="Offer metrics and health here, without token or TLS.",
            min=0,
            max=65535,
        ),
    ] = None,
    model_name: Annotated[
        str, typer.Option(help="Name that clients ask for.")
    ] = "kinescribe",
    version: Annotated[
        Optional[list[int]],
        typer.Option(help="Serve this version, and no newer; may be repeated.", min=0),
    ] = None,
    keep: Annotated[
        int, typer.Option(help="How many of the newest versions are live.", min=1)
    ] = 1,
    max_batch: Annotated[
        int, typer.Option(help="Most clips in one run of the model.", min=1)
    ] = 8,
    max_wait: Annotated[
        float, typer.Option(help="Seconds that a request may wait for others.", min=0)
    ] = 0.0,
    max_waiting: Annotated[
        int, typer.Option(help="Clips that may wait; more are refused.", min=1)
    ] = 1024,
    max_rows: Annotated[
        int, typer.Option(help="Most clips in one request.", min=1)
    ] = 64,
    max_message: Annotated[
        int, typer.Option(help="Most MiB of one message.", min=1, max=2047)
    ] = 64,
    max_calls: Annotated[
        int, typer.Option(help="Calls under way at once; more are refused.", min=1)
    ] = 64,
    max_connections: Annotated[
        int, typer.Option(help="Connections of each port.", min=1)
    ] = 1024,
    rate: Annotated[
        Optional[float],
        typer.Option(help="Calls a second of one token, or of one address.", min=0.001),
    ] = None,
    poll: Annotated[
        float, typer.Option(help="Seconds between looks for a new version.", min=0.01)
    ] = 2.0,
    lame_duck: Annotated[
        float,
        typer.Option(help="Seconds of being unhealthy before the end begins.", min=0),
    ] = 0.0,
    drain: Annotated[
        float, typer.Option(help="Seconds for calls under way at the end.", min=0)
    ] = 10.0,
    threads: Annotated[
        int,
        typer.Option(
            help="TensorFlow's threads; 0: one a core. 1 saves CPU time where there "
            "are few callers.",
            min=0,
        ),
    ] = 0,
    token_file: TokenFile = None,
    admin_token_file: Annotated[
        Optional[str],
        typer.Option(help="Only callers with a token of this file may reload."),
    ] = None,
    tls_cert: TlsCertificate = None,
    tls_key: TlsKey = None,
    tls_client_ca: Annotated[
        Optional[str],
        typer.Option(help="Only clients with a certificate of this authority (PEM)."),
    ] = None,
    cors_origin: CorsOrigins = None,
    any_model: Annotated[
        bool, typer.Option("--any-model", help="Serve what is no captioner, too.")
    ] = False,
    allow_any_ops: Annotated[
        bool,
        typer.Option(
            "--allow-any-ops",
            help="Load models that can read and write files. Trust whoever made them!",
        ),
    ] = False,
    log_format: LogFormat = "text",
) -> None:
    """Serve pushed models with TensorFlow Serving's gRPC and REST interfaces.

    New versions are swapped in as they are pushed. When the ports are open, one line
    of JSON on standard output says which. SIGHUP reads files anew; Ctrl-C or SIGTERM
    ends when the calls under way are answered, a second one at once.
    """
    if bool(model_base) == bool(model_config_file):
        raise typer.BadParameter("give a folder or --model-config-file, one of them")
    listening_options.check(tls_cert, tls_key, log_format)
    if tls_client_ca and not tls_cert:
        raise typer.BadParameter("--tls-client-ca goes with --tls-cert and --tls-key")
    if version and keep != 1:
        raise typer.BadParameter("give --version or --keep, not both")
    options = {"--port": port, "--rest-port": rest_port, "--metrics-port": metrics_port}
    for option, number in options.items():
        listening_options.check_port(host, number, option)

    from serving.server import process
    from serving.server.config import ServerConfig

    policy: dict[str, Any] = {"kind": "latest", "count": keep}
    if version:
        policy = {"kind": "specific", "versions": version}
    tls = {
        "certificate_file": str(tls_cert or ""),
        "key_file": str(tls_key or ""),
        "client_ca_file": str(tls_client_ca or ""),
    }
    process.run_server(
        ServerConfig.from_dict(
            {
                "model_base": model_base or "",
                "model_name": model_name,
                "version_policy": policy,
                "model_config_file": str(model_config_file or ""),
                "host": host,
                "port": port,
                "rest_port": rest_port,
                "metrics_port": metrics_port,
                "poll_seconds": poll,
                "lame_duck_seconds": lame_duck,
                "drain_seconds": drain,
                "batching": {
                    "max_rows": max_batch,
                    "max_wait_seconds": max_wait,
                    "max_waiting_rows": max_waiting,
                },
                "limits": {
                    "request_rows": max_rows,
                    "message_bytes": max_message * 2**20,
                    "calls": max_calls,
                    "connections": max_connections,
                    "calls_per_second": rate,
                },
                "models": "any" if any_model else "captioners",
                "ops": "any" if allow_any_ops else "safe",
                "threads": threads,
                "token_file": str(token_file or ""),
                "admin_token_file": str(admin_token_file or ""),
                "cors_origins": cors_origin or [],
                "tls": tls if tls_cert else None,
                "log_format": log_format,
            }
        ),
        on_ready=lambda line: print(line, flush=True),
    )
