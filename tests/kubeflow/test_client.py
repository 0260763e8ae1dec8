import socket

import pytest

from kubeflow.client import IN_CLUSTER, Client, KubeflowError
from tests.support.authority import Authority
from tests.support.kubeflow_api import Api


@pytest.fixture
def api():
    with Api() as api:
        yield api


@pytest.fixture
def waits():
    return []


@pytest.fixture
def client(api, waits):
    return Client(api.address, "secret", sleep=waits.append)


def test_lists_are_read_to_their_last_page(api, client):
    pipeline = client.upload_pipeline("a", b"x")
    made = [client.upload_version(pipeline, f"v{i}", b"x") for i in range(5)]
    found = [version["pipeline_version_id"] for version in client.versions(pipeline)]
    assert found == made
    assert api.requests.count(("GET", f"/pipelines/{pipeline}/versions")) == 3


def test_token_is_sent_and_the_environment_says_where(api, client, tmp_path):
    assert client.pipeline_id("a") == ""
    assert api.headers[-1]["Authorization"] == "Bearer secret"
    file = tmp_path / "token"
    file.write_text("other\n")
    found = Client.of_environment(
        {"KFP_ENDPOINT": f"{api.address}/", "KFP_TOKEN_FILE": str(file)}
    )
    assert found.endpoint == api.address
    found.pipeline_id("a")
    assert api.headers[-1]["Authorization"] == "Bearer other"
    assert Client.of_environment({}).endpoint == IN_CLUSTER
    with pytest.raises(KubeflowError, match="KFP_TOKEN_FILE = /nowhere cannot be"):
        Client.of_environment({"KFP_TOKEN_FILE": "/nowhere"})


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (401, "set KFP_TOKEN"),
        (403, "set KFP_NAMESPACE"),
        (404, "2.0 or newer"),
        (409, "there already"),
        (500, "see the log of ml-pipeline"),
    ],
)
def test_refusal_is_one_sentence_with_what_was_asked(api, client, waits, code, advice):
    api.answers = [(code, b'{"message": "no\\nsuch thing"}')]
    with pytest.raises(KubeflowError) as refused:
        client.create_run({})
    sentence = str(refused.value)
    assert sentence.startswith(f"{api.address} answered POST /runs with {code}")
    assert "(no such thing)" in sentence
    assert advice in sentence
    assert waits == []


@pytest.mark.parametrize("code", [429, 503])
def test_busy_server_is_asked_again_three_times(api, client, waits, code):
    api.answers = [(code, b"")] * 3
    client.create_run({})
    assert waits == [1.0, 2.0, 4.0]
    api.answers = [(code, b"")] * 4
    with pytest.raises(KubeflowError, match=f"with {code}"):
        client.create_run({})


def test_a_failed_read_is_repeated_and_a_failed_start_is_not(api, client, waits):
    api.answers = [(500, b"")]
    assert client.pipeline_id("a") == ""
    assert waits == [1.0]
    api.answers = [(500, b"")]
    with pytest.raises(KubeflowError):
        client.create_run({})
    assert api.runs == []


def test_page_that_is_no_json_is_told(api, client):
    api.answers = [(200, b"<html>log in</html>")]
    with pytest.raises(KubeflowError, match="something that is not JSON"):
        client.run("r")


def test_nobody_at_the_address_is_one_sentence(waits):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    said = r"^GET /runs/r: http.* cannot be reached: set KFP_ENDPOINT"
    with pytest.raises(KubeflowError, match=said):
        Client(address, sleep=waits.append).run("r")


def test_an_unknown_authority_is_one_sentence_until_it_is_named(
    waits, tmp_path, monkeypatch
):
    authority = Authority(tmp_path, "authority")
    with Api(authority.issue("server")) as api:
        with pytest.raises(KubeflowError) as refused:
            Client(api.address, sleep=waits.append).create_run({})
        sentence = str(refused.value)
        assert sentence.startswith(f"POST /runs: the certificate of {api.address} can")
        assert "REQUESTS_CA_BUNDLE" in sentence
        assert api.runs == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority.file)
        Client(api.address, sleep=waits.append).create_run({})
        assert len(api.runs) == 1


def test_silence_and_a_wrong_certificate_are_one_sentence(waits, monkeypatch):
    monkeypatch.setattr("kubeflow.client._SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(
            KubeflowError, match=r"^POST /runs: http.* did not answer in 0 s"
        ):
            Client(address, sleep=waits.append).create_run({})
    with Api() as api:
        address = api.address.replace("http", "https")
        with pytest.raises(KubeflowError, match="REQUESTS_CA_BUNDLE"):
            Client(address, sleep=waits.append).create_run({})
