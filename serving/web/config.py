"""The configuration of `kinescribe web` and of its parts."""

from __future__ import annotations

import os
from typing import Literal, Optional

from serving.common import signature_names
from serving.server.config import ServerTLS
from transform.common.config import Config, Field


class WebLimits(Config):
    """What one upload may hold and cost, and how much may wait."""

    upload_bytes: int = Field(512 * 2**20, ge=1024)  # of one file
    upload_seconds: float = Field(300.0, gt=0)  # for a file to come
    silent_seconds: float = Field(20.0, gt=0)  # without a byte, or a new connection
    clip_seconds: float = Field(60.0, gt=0)  # of work until the next clip is decoded
    job_seconds: float = Field(1800.0, gt=0)  # of work for one upload, all of it
    memory_bytes: int = Field(2 * 2**30, ge=2**26)  # that decoding may take besides
    clips: int = Field(2000, ge=1)  # that one video is cut into
    jobs: int = Field(16, ge=1)  # that wait or run; more are refused
    kept_jobs: int = Field(64, ge=1)  # whose results are kept
    kept_seconds: float = Field(3600.0, gt=0)  # that a result is kept
    connections: int = Field(256, ge=1)  # at once


class WebConfig(Config):
    """The settings of a gateway."""

    server: str  # host:port of `kinescribe serve` or of TensorFlow Serving
    models: tuple[str, ...] = (signature_names.MODEL_NAME,)  # names on that server
    host: str = "127.0.0.1"  # or an IPv6 address
    port: int = Field(8080, ge=0, le=65535)  # 0 takes a free one
    decoders: int = Field(min(2, os.cpu_count() or 1), ge=1)  # processes
    work_folder: str = ""  # for uploads; the system's own for such files if empty
    server_token_file: str = ""  # holds the token that the server asks for
    server_ca_file: str = ""  # the authority of the server's certificate (PEM)
    token_file: str = ""  # one token a line; callers must send one of them
    cors_origins: tuple[str, ...] = ()  # whose pages may call from a browser
    tls: Optional[ServerTLS] = None  # plain text without it
    limits: WebLimits = WebLimits()  # what is refused
    log_format: Literal["text", "json"] = "text"  # of the log
