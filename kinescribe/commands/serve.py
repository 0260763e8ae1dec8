"""The command `kinescribe serve`, which serves pushed models."""

from __future__ import annotations

import pathlib
from typing import Annotated, Optional

import typer


def command(
    model_base: Annotated[
        str, typer.Argument(help="Folder that models are pushed to: <base>/<number>/.")
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="gRPC port; 0 takes a free one.")] = 8500,
    metrics_port: Annotated[
        Optional[int],
        typer.Option(help="Offer Prometheus metrics here; 0 takes a free one."),
    ] = None,
    model_name: Annotated[
        str, typer.Option(help="Name that clients ask for.")
    ] = "kinescribe",
    version: Annotated[
        Optional[int], typer.Option(help="Serve this version, not the newest.")
    ] = None,
    max_batch: Annotated[
        int, typer.Option(help="Most clips in one run of the model.")
    ] = 8,
    max_wait: Annotated[
        float, typer.Option(help="Seconds that a request may wait for others.")
    ] = 0.0,
    poll: Annotated[
        float, typer.Option(help="Seconds between looks for a new version.")
    ] = 2.0,
    threads: Annotated[
        int,
        typer.Option(help="TensorFlow's threads; 1 suits small models, 0: one a core."),
    ] = 0,
    token_file: Annotated[
        Optional[pathlib.Path],
        typer.Option(help="Only callers with the token in this file are answered."),
    ] = None,
    tls_cert: Annotated[
        Optional[pathlib.Path], typer.Option(help="Server certificate (PEM).")
    ] = None,
    tls_key: Annotated[
        Optional[pathlib.Path], typer.Option(help="Its private key (PEM).")
    ] = None,
    tls_client_ca: Annotated[
        Optional[pathlib.Path],
        typer.Option(help="Only clients with a certificate of this authority (PEM)."),
    ] = None,
) -> None:
    """Serve the newest pushed model with TensorFlow Serving's gRPC protocol.

    New versions are swapped in as they are pushed. When the ports are open, one line
    of JSON on standard output says which. Ends on Ctrl-C or SIGTERM.
    """
    if bool(tls_cert) != bool(tls_key) or (tls_client_ca and not tls_cert):
        raise typer.BadParameter("--tls-cert and --tls-key go together")

    import logging

    from serving.server import process
    from serving.server.config import BatchingConfig, ServerConfig, ServerTLS

    log = logging.getLogger("kinescribe")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.propagate = False
    tls = None
    if tls_cert and tls_key:
        tls = ServerTLS(
            certificate_file=str(tls_cert),
            key_file=str(tls_key),
            client_ca_file=str(tls_client_ca or ""),
        )
    process.run_server(
        ServerConfig.from_dict(
            {
                "model_base": model_base,
                "model_name": model_name,
                "version": version,
                "host": host,
                "port": port,
                "metrics_port": metrics_port,
                "poll_seconds": poll,
                "batching": BatchingConfig.from_dict(
                    {"max_rows": max_batch, "max_wait_seconds": max_wait}
                ),
                "threads": threads,
                "token_file": str(token_file or ""),
                "tls": tls,
            }
        ),
        on_ready=lambda line: print(line, flush=True),
    )
