"""A thin client of Kubeflow Pipelines' REST interface, version v2beta1.

The SDK that the lock can hold (1.8) speaks another version, and newer ones need other
packages than TFX. What a schedule needs is a handful of calls:

    KFP_ENDPOINT    http://localhost:8080; by default the service within the cluster
    KFP_TOKEN       sent as a bearer token, or KFP_TOKEN_FILE, which names its file
    KFP_NAMESPACE   of a user, where the backend has several
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import requests

from transform.common.errors import KinescribeError
from transform.common.location import Location, LocationError

IN_CLUSTER = "http://ml-pipeline.kubeflow.svc.cluster.local:8888"
_PATH = "/apis/v2beta1"
_SECONDS = 20.0  # that an answer is waited for
_ATTEMPTS = 4
_PAGE = 100

Json = dict[str, Any]


class KubeflowError(KinescribeError):
    """The backend refused a call, or could not be reached."""


class Client:
    """Calls a backend; each method is one call, or a list's pages.

    A call that was not understood for lack of time or of a free server (429, 502, 503,
    504) is repeated, and so is one that only reads after any other error of the server:
    to start a run twice would be worse than to fail.

    Args:
        endpoint: Address of the backend, without a path.
        token: Sent as a bearer token; '' for none.
        namespace: Of a user; '' where the backend has one for all.
        sleep: What waits between attempts.
    """

    def __init__(
        self,
        endpoint: str = IN_CLUSTER,
        token: str = "",
        namespace: str = "",
        sleep: Callable[[float], object] = time.sleep,
    ):
        self.endpoint = endpoint.rstrip("/")
        self.namespace = namespace
        self._sleep = sleep
        self._session = requests.Session()
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> Client:
        """Returns the client that the environment describes.

        Raises:
            KubeflowError: The token's file cannot be read.
        """
        token = environment.get("KFP_TOKEN", "")
        if file := environment.get("KFP_TOKEN_FILE"):
            try:
                token = Location(file).read_text().strip()
            except LocationError as error:
                raise KubeflowError(
                    f"KFP_TOKEN_FILE = {file} cannot be read: {error.reason}."
                ) from error
        endpoint = environment.get("KFP_ENDPOINT") or IN_CLUSTER
        return cls(endpoint, token, environment.get("KFP_NAMESPACE", ""))

    # ----------------------------------------------------------------- pipelines

    def pipeline_id(self, name: str) -> str:
        """Returns the id of the pipeline of this name, '' if there is none."""
        query = self._with_namespace({})
        found = self._call(
            "GET", f"/pipelines/names/{name}", params=query, absent=(404,)
        )
        return found.get("pipeline_id", "")

    def upload_pipeline(self, name: str, content: bytes) -> str:
        """Uploads a new pipeline with its first version; returns its id."""
        query = self._with_namespace({"name": name})
        file = {"uploadfile": ("pipeline.yaml", content, "application/yaml")}
        uploaded = self._call("POST", "/pipelines/upload", params=query, files=file)
        return uploaded["pipeline_id"]

    def versions(self, pipeline_id: str) -> Iterator[Json]:
        """Yields the versions of a pipeline."""
        path = f"/pipelines/{pipeline_id}/versions"
        return self._pages(path, "pipeline_versions")

    def upload_version(self, pipeline_id: str, name: str, content: bytes) -> str:
        """Uploads a version of a pipeline; returns its id."""
        query = {"name": name, "pipelineid": pipeline_id}
        file = {"uploadfile": ("pipeline.yaml", content, "application/yaml")}
        path = "/pipelines/upload_version"
        uploaded = self._call("POST", path, params=query, files=file)
        return uploaded["pipeline_version_id"]

    def experiment_id(self, name: str) -> str:
        """Returns the id of an experiment, which is made if there is none."""
        query = self._with_namespace({})
        for found in self._pages("/experiments", "experiments", query):
            if found["display_name"] == name:
                return found["experiment_id"]
        body = self._with_namespace({"display_name": name})
        return self._call("POST", "/experiments", json=body)["experiment_id"]

    # ---------------------------------------------------------------------- runs

    def create_run(self, body: Json) -> Json:
        """Starts a run and returns it."""
        return self._call("POST", "/runs", json=body)

    def run(self, run_id: str) -> Json:
        """Returns a run, with its tasks' states."""
        return self._call("GET", f"/runs/{run_id}")

    def runs(self, experiment_id: str, count: int) -> list[Json]:
        """Returns the latest runs of an experiment, newest first."""
        query = {
            "experiment_id": experiment_id,
            "page_size": count,
            "sort_by": "created_at desc",
        }
        return self._call("GET", "/runs", params=query).get("runs", [])

    # ----------------------------------------------------------------- schedules

    def schedules(self, experiment_id: str) -> Iterator[Json]:
        """Yields the schedules of an experiment."""
        query = {"experiment_id": experiment_id}
        return self._pages("/recurringruns", "recurringRuns", query)

    def create_schedule(self, body: Json) -> Json:
        """Makes a schedule; the interface has no call to change one."""
        return self._call("POST", "/recurringruns", json=body)

    def enable_schedule(self, schedule_id: str, enabled: bool) -> None:
        """Lets a schedule go on, or pauses it."""
        action = "enable" if enabled else "disable"
        self._call("POST", f"/recurringruns/{schedule_id}:{action}")

    def delete_schedule(self, schedule_id: str) -> None:
        """Removes a schedule; its runs stay."""
        self._call("DELETE", f"/recurringruns/{schedule_id}")

    # ---------------------------------------------------------------------- calls

    def _with_namespace(self, fields: Json) -> Json:
        return {**fields, "namespace": self.namespace} if self.namespace else fields

    def _pages(self, path: str, key: str, query: Json | None = None) -> Iterator[Json]:
        query = {"page_size": _PAGE, **(query or {})}
        while True:
            page = self._call("GET", path, params=query)
            yield from page.get(key, [])
            if not page.get("next_page_token"):
                return
            query["page_token"] = page["next_page_token"]

    def _call(
        self, method: str, path: str, absent: tuple[int, ...] = (), **content: Any
    ) -> Json:
        address = f"{self.endpoint}{_PATH}{path}"
        asked = f"{method} {path}"
        busy = {429, 502, 503, 504}
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                answer = self._session.request(
                    method, address, timeout=_SECONDS, **content
                )
            except requests.RequestException as error:
                if method != "GET" or attempt == _ATTEMPTS:
                    said = f"{asked}: {_unreachable(self.endpoint, error)}"
                    raise KubeflowError(said) from error
            else:
                code = answer.status_code
                if answer.ok:
                    return _parsed(answer, self.endpoint, asked)
                if code in absent:
                    return {}
                again = code in busy or (method == "GET" and code >= 500)
                if not again or attempt == _ATTEMPTS:
                    raise KubeflowError(_refused(answer, self.endpoint, asked))
            self._sleep(2.0 ** (attempt - 1))
        raise AssertionError("every path returns or raises")


def _parsed(answer: requests.Response, endpoint: str, asked: str) -> Json:
    try:
        found = answer.json() if answer.content else {}
    except requests.exceptions.JSONDecodeError as error:
        raise KubeflowError(
            f"{endpoint} answered {asked} with something that is not JSON: is it the "
            "address of Kubeflow Pipelines' API, and is KFP_TOKEN set?"
        ) from error
    return found if isinstance(found, dict) else {}


def _unreachable(endpoint: str, error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return (
            f"the certificate of {endpoint} cannot be trusted: set REQUESTS_CA_BUNDLE "
            "to the file of its authority."
        )
    if isinstance(error, requests.exceptions.Timeout):
        return f"{endpoint} did not answer in {_SECONDS:.0f} s: is KFP_ENDPOINT right?"
    return (
        f"{endpoint} cannot be reached: set KFP_ENDPOINT, as after `kubectl "
        "port-forward -n kubeflow svc/ml-pipeline 8888`."
    )


_ADVICE = {
    401: "set KFP_TOKEN or KFP_TOKEN_FILE",
    403: "the token has no right to it; set KFP_NAMESPACE to a namespace of yours",
    404: "is it there, and is the backend 2.0 or newer?",
    409: "something of that name is there already",
    429: "it is busy; try again later",
}


def _refused(answer: requests.Response, endpoint: str, asked: str) -> str:
    said = ""
    try:
        body = answer.json()
    except requests.exceptions.JSONDecodeError:
        body = {}
    if isinstance(body, dict):
        said = str(body.get("message") or body.get("error") or "")
    said = " ".join(said.split())[:300]
    advice = _ADVICE.get(answer.status_code, "see the log of ml-pipeline")
    told = f" ({said})" if said else ""
    return f"{endpoint} answered {asked} with {answer.status_code}{told}: {advice}."
