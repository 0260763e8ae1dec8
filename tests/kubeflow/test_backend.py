import pathlib

import pytest

from kubeflow import runner
from serving.pushing import destination
from tests.support import kubeflow_backend
from tests.support.small_pipeline import small_pipeline


@pytest.mark.slow
def test_compiled_pipeline_runs_task_by_task_to_a_pushed_model(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["test"])
    config = small_pipeline(tmp_path)
    compiled = tmp_path / "pipeline.yaml"
    runner.compile_pipeline(config, compiled)
    done = kubeflow_backend.run(compiled, tmp_path / "tasks")
    pushed = destination.latest(config.push_destination)
    properties = done["Pusher"]["pushed_model"]["metadata"]
    assert properties["pushed"] == 1
    assert properties["pushed_destination"] == pushed.folder
    assert done["Evaluator"]["blessing"]["metadata"]["blessed"] == 1
    assert done["BaselineModel"]["baseline"]["metadata"]["source"] == "candidate"

    # The next scheduled run compares with what this one pushed.
    again = kubeflow_backend.run(compiled, tmp_path / "again")
    baseline = again["BaselineModel"]["baseline"]["metadata"]
    assert baseline["version"] == pushed.version
    examples = [
        pathlib.Path(run["VideoExampleGen"]["examples"]["uri"]) for run in (done, again)
    ]
    records = [
        {file.name: file.read_bytes() for file in folder.glob("Split-*/*")}
        for folder in examples
    ]
    assert records[0] == records[1]
