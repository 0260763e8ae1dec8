from __future__ import annotations

import pytest

from serving.server.admission import Admission
from serving.server.config import LimitsConfig
from serving.server.refusals import Code, RefusalError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def refused(admission: Admission, caller: str = "a") -> Code | None:
    try:
        with admission.enter(caller):
            return None
    except RefusalError as refusal:
        return refusal.code


def test_as_many_calls_as_allowed_are_let_in():
    reasons: list[str] = []
    admission = Admission(LimitsConfig(calls=2), reasons.append)
    with admission.enter("a"), admission.enter("b"):
        assert admission.in_progress == 2
        assert refused(admission) is Code.RESOURCE_EXHAUSTED
    assert admission.in_progress == 0
    assert refused(admission) is None
    assert reasons == ["calls"]


def test_a_failed_call_makes_room():
    admission = Admission(LimitsConfig(calls=1))
    with pytest.raises(KeyError), admission.enter("a"):
        raise KeyError
    assert refused(admission) is None


def test_each_caller_has_a_rate_of_its_own():
    clock, reasons = Clock(), []
    admission = Admission(LimitsConfig(calls_per_second=2), reasons.append, clock)
    assert [refused(admission, "a") for _ in range(3)] == [
        None,
        None,
        Code.RESOURCE_EXHAUSTED,
    ]
    assert refused(admission, "b") is None
    clock.now = 0.5
    assert refused(admission, "a") is None
    assert refused(admission, "a") is Code.RESOURCE_EXHAUSTED
    assert reasons == ["rate", "rate"]


def test_callers_beyond_number_are_forgotten():
    admission = Admission(LimitsConfig(calls_per_second=1), clock=Clock())
    for number in range(5000):
        assert refused(admission, str(number)) is None
    assert refused(admission, "4999") is Code.RESOURCE_EXHAUSTED
    assert len(admission._buckets) <= 4096


def test_one_that_stops_says_that_it_is_not_there():
    admission = Admission(LimitsConfig())
    admission.stopping = True
    assert refused(admission) is Code.UNAVAILABLE
