import os

import pytest

from transform.jobs import beam_runner


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, 0),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0),
        ({}, 0),
    ],
)
def test_a_containers_share_is_read_from_its_control_group(tmp_path, files, cores):
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert beam_runner.cgroup_cores(str(tmp_path)) == cores


def test_no_more_workers_than_the_share_or_the_affinity(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))
    monkeypatch.setattr(beam_runner, "cgroup_cores", lambda: 2)
    assert beam_runner.cores() == 2
    monkeypatch.setattr(beam_runner, "cgroup_cores", lambda: 0)
    assert beam_runner.cores() == 64
