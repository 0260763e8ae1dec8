import os

from transform.common import users


def test_a_user_without_a_name_has_a_number(monkeypatch):
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)  # as in many a container
    assert users.current() == f"uid {os.getuid()}"
    monkeypatch.setenv("LOGNAME", "ann")
    assert users.current() == "ann"
