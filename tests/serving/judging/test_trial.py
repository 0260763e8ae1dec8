"""A model is served by a process of its own before it is pushed."""

import shutil
import sys

import pytest

from serving.client.local_model import LocalModel
from serving.export import warmup
from serving.gates.serving_cost import ServableGate
from serving.judging.trial import try_serving
from tests.support.paths import ROOT
from tests.support.pushing import write_model


@pytest.fixture(scope="module")
def examples(spec):
    return {"one": warmup.blank_example(spec), "two": warmup.blank_example(spec)}


def test_a_fresh_process_says_what_the_model_says_here(exported, examples):
    served = try_serving(str(exported), examples, ServableGate())
    assert served.problem == ""
    here = LocalModel(exported).caption_examples(list(examples.values()))
    assert served.captions == dict(
        zip(examples, (result.caption for result in here), strict=True)
    )
    assert served.peak_bytes > 50_000_000


@pytest.mark.slow
def test_a_server_program_of_ones_own_is_tried_as_well(exported, examples, tmp_path):
    program = tmp_path / "server.py"
    program.write_text(
        "import runpy, sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "sys.argv = ['server', *[a.partition('=')[2] for a in sys.argv[1:]]]\n"
        "runpy.run_module('serving.judging.embedded_server', run_name='__main__')\n"
    )
    command = [sys.executable, str(program), "--base={model_base}", "--port={port}"]
    gate = ServableGate.from_dict({"infra": {"kind": "tf_serving", "command": command}})
    assert try_serving(str(exported), examples, gate).problem == ""


def test_a_server_that_ends_or_is_not_there_is_said_so(exported, examples, tmp_path):
    def tried(*command):
        infra = {"kind": "tf_serving", "command": [*command, "{port}{model_base}"]}
        gate = ServableGate.from_dict({"infra": infra, "seconds": 20})
        return try_serving(str(exported), examples, gate).problem

    ends = tried(sys.executable, "-c", "print('no licence'); raise SystemExit(3)")
    assert "it ended" in ends and "no licence" in ends
    absent = tried(str(tmp_path / "absent"))
    assert "cannot be started" in absent


@pytest.mark.slow
def test_a_model_of_one_signature_or_without_a_graph_is_not_servable(
    doubling_model, exported, examples, spec, tmp_path
):
    one = shutil.copytree(doubling_model, tmp_path / "one")
    (one / "assets").mkdir(exist_ok=True)
    (one / "assets" / "feature_spec.json").write_text(spec.to_json())
    problem = try_serving(str(one), examples, ServableGate()).problem
    assert "lacks the signature caption_examples" in problem
    broken = write_model(tmp_path / "broken", spec=spec)
    gate = ServableGate(seconds=30)
    assert "It cannot be served" in try_serving(str(broken), examples, gate).problem
