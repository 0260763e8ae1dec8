from __future__ import annotations

import errno
import io
import json
import logging
import sys

import pytest

from serving.server.calls import Call, request_id_of
from serving.server.log import BackgroundLog, JsonFormatter, TextFormatter
from serving.server.refusals import Code


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_call_is_one_line(capsys, log_format):
    log = BackgroundLog(log_format)
    log.start()
    call = Call("Predict", "grpc", "ipv4:127.0.0.1:5", "mine-7", code=Code.NOT_FOUND)
    call.log("there is no such model")
    log.close()
    (line,) = capsys.readouterr().err.splitlines()
    if log_format == "json":
        fields = json.loads(line)
        assert fields["status"] == "NOT_FOUND" and fields["request_id"] == "mine-7"
        assert fields["fault"] == "there is no such model"
    else:
        assert "request_id=mine-7" in line and "status=NOT_FOUND" in line


def test_a_log_that_nobody_reads_holds_nobody_up(monkeypatch):
    log = BackgroundLog("text")
    log.start()
    monkeypatch.setattr(log._handler.queue, "maxsize", 3)
    log._handler.queue.put(None)  # the writer ends, as if its disk were full
    log._writer._thread.join(10)
    for _ in range(10):
        logging.getLogger("kinescribe.serving").info("a line")
    assert log._handler.dropped == 7
    monkeypatch.setattr("serving.server.log._FLUSH_SECONDS", 0.01)
    log.close()


class Disk(io.StringIO):
    """A file on a disk that can be full."""

    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_a_log_whose_disk_was_full_goes_on_when_there_is_room(monkeypatch):
    disk = Disk()
    monkeypatch.setattr(sys, "stderr", disk)
    log = BackgroundLog("text")
    log.start()
    logging.getLogger("kinescribe.serving").info("one")
    log._handler.queue.join()
    disk.full = False
    logging.getLogger("kinescribe.serving").info("two")
    assert log.close()
    (line,) = disk.getvalue().splitlines()
    assert line.endswith("INFO two")


def test_traces_are_part_of_a_json_line():
    try:
        raise ValueError("deep down")
    except ValueError:
        record = logging.LogRecord(
            "a", 40, "f", 1, "it %s", ("failed",), sys.exc_info()
        )
    line = json.loads(JsonFormatter().format(record))
    assert line["message"] == "it failed" and "deep down" in line["trace"]
    assert "deep down" in TextFormatter().format(record)


@pytest.mark.parametrize("received", ["", "a b", "a\nb", "x" * 129, "é"])
def test_unfit_request_ids_are_replaced(received):
    assert len(request_id_of(received)) == 32
    assert request_id_of("A-1.b:c/d=") == "A-1.b:c/d="
