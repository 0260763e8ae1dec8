import http.server
import json
import threading

import pytest

from kubeflow import tell
from kubeflow.run_log import FAILED, SUCCEEDED, RunLog, TaskEnd

GOOD, BAD = {"state": "SUCCEEDED"}, {"state": "FAILED"}


def ends(**tasks):
    return {
        name.replace("_", "-"): TaskEnd(
            task=name.replace("_", "-"), state=SUCCEEDED, properties=properties
        )
        for name, properties in tasks.items()
    }


@pytest.mark.parametrize(
    ("status", "tasks", "state", "sentence"),
    [
        (
            GOOD,
            ends(
                decide={"decision": "retrain", "reason": "Retraining: 10 clips added."},
                pusher={"pushed": 1.0, "pushed_version": "7"},
            ),
            "pushed",
            "Pushed version 7. Retraining: 10 clips added.",
        ),
        (
            GOOD,
            ends(decide={"decision": "nothing-new", "reason": "Nothing is new."}),
            "nothing-new",
            "Nothing is new.",
        ),
        (
            GOOD,
            ends(decide={"decision": "stop", "reason": "Stopped: 3 clips."}),
            "stopped",
            "Stopped: 3 clips.",
        ),
        (
            GOOD,
            ends(
                decide={"decision": "retrain"},
                drift={"decision": "stop", "reason": "Stopped: Drift: seconds 0.41."},
            ),
            "stopped",
            "Stopped: Drift: seconds 0.41.",
        ),
        (
            GOOD,
            ends(decide={"decision": "retrain"}, pusher={"pushed": 0.0}),
            "refused",
            "Refused: the gates were not passed.",
        ),
        (
            GOOD,
            ends(
                judge={"outcome": "refused", "verdict": "Refused: CIDEr-D fell."},
                pusher={"pushed": 0.0},
            ),
            "refused",
            "Refused: CIDEr-D fell.",
        ),
        (
            GOOD,
            ends(
                judge={"outcome": "equal", "verdict": "Equal: not pushed."},
                pusher={"pushed": 0.0},
            ),
            "equal",
            "Equal: not pushed.",
        ),
        (
            GOOD,
            ends(
                judge={"outcome": "blessed", "verdict": "Blessed: CIDEr-D 2.06."},
                pusher={"pushed": 0.0, "withheld": "version 7 was rolled back."},
            ),
            "refused",
            "Not pushed: version 7 was rolled back.",
        ),
        (BAD, {}, "failed", "Failed: no task said why"),
        (
            {**BAD, "error": {"message": "OOMKilled"}},
            {},
            "failed",
            "Failed: OOMKilled",
        ),
    ],
)
def test_every_end_is_one_state_and_one_sentence(status, tasks, state, sentence):
    ended = tell.outcome(status, tasks)
    assert (ended.state, ended.sentence) == (state, sentence)
    assert state in tell.STATES


def test_failed_task_is_named_with_its_reason(tmp_path):
    log = RunLog(str(tmp_path), "run-1")
    log.write(TaskEnd(task="decide", state=SUCCEEDED))
    log.write(TaskEnd(task="trainer", state=FAILED, reason="No GPU is here."))
    ended = tell.outcome(BAD, log.read())
    assert ended.sentence == "Failed: trainer: No GPU is here."
    log.write(TaskEnd(task="trainer", state=SUCCEEDED))  # the second attempt
    assert log.read()["trainer"].state == SUCCEEDED


def test_metrics_are_prometheus_text():
    from prometheus_client.parser import text_string_to_metric_families

    ended = tell.outcome(
        GOOD,
        ends(
            decide={"decision": "retrain"},
            pusher={"pushed": 1.0, "pushed_version": "7"},
            video_example_gen={"clips_ok": 24.0, "clips_failed": 1.0, "coverage": "x"},
            drift={"decision": "retrain", "drift_clip_seconds": 0.25},
        ),
    )
    found = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(tell.metrics(ended, "a", 100.0))
        for sample in family.samples
    }
    pipeline = ("pipeline", "a")
    assert found["kinescribe_run_state", pipeline, ("state", "pushed")] == 1
    assert found["kinescribe_run_state", pipeline, ("state", "failed")] == 0
    assert found["kinescribe_last_success_seconds", pipeline] == 100
    assert found["kinescribe_clips", pipeline, ("status", "failed")] == 1
    assert found["kinescribe_drift", ("column", "clip_seconds"), pipeline] == 0.25


class Listener:
    """An address that remembers what it is sent."""

    def __init__(self, code):
        self.got = []
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _answer(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.got.append((self.command, self.path, body))
                self.send_response(code)
                self.end_headers()

            do_POST = do_PUT = _answer  # noqa: N815

            def log_message(self, *arguments):
                pass

        self._server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        ).start()
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._server.server_close()


NOTHING_NEW = tell.outcome(
    GOOD, ends(decide={"decision": "nothing-new", "reason": "Nothing is new."})
)


def test_everybody_who_is_named_is_told(tmp_path):
    with Listener(200) as listener:
        problems = tell.tell(
            NOTHING_NEW,
            "demo",
            {
                "KINESCRIBE_WEBHOOK": f"{listener.address}/hook",
                "KINESCRIBE_PUSHGATEWAY": f"{listener.address}/",
                "KINESCRIBE_METRICS_FILE": str(tmp_path / "metrics.prom"),
            },
        )
    assert problems == []
    (_, _, message), (command, path, text) = listener.got
    assert json.loads(message)["text"] == "demo: Nothing is new."
    assert (command, path) == ("PUT", "/metrics/job/kinescribe/pipeline/demo")
    assert b"kinescribe_run_state" in text
    assert (tmp_path / "metrics.prom").read_bytes()[:40] == text[:40]


def test_what_cannot_be_told_is_a_warning_without_the_address(tmp_path):
    with Listener(500) as listener:
        address = f"{listener.address}/secret"
        [answered] = tell.tell(NOTHING_NEW, "demo", {"KINESCRIBE_WEBHOOK": address})
    [unreachable] = tell.tell(NOTHING_NEW, "demo", {"KINESCRIBE_WEBHOOK": address})
    assert answered == "the webhook answered 500"
    assert unreachable == "the webhook cannot be reached (ConnectionError)"
    nowhere = str(tmp_path / "nowhere" / "x")
    [unwritable] = tell.tell(NOTHING_NEW, "demo", {"KINESCRIBE_METRICS_FILE": nowhere})
    assert unwritable.endswith("cannot be written: No such file or directory")
