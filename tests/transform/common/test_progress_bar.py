from transform.common import progress_bar


def test_file_gets_a_line_now_and_then(capsys, monkeypatch):
    clock = iter([0.0, 10.0, 31.0, 31.0, 40.0, 62.0, 62.0])
    monkeypatch.setattr(progress_bar.time, "monotonic", lambda: next(clock))
    with progress_bar.shown("Extracting", 2990) as report:
        for done in (5, 1200, 1300, 2990):
            report(done)
    assert capsys.readouterr().err == (
        "Extracting: 1,200 of 2,990\nExtracting: 2,990 of 2,990\n"
    )


def test_terminal_gets_a_bar(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar.shown("Extracting", 7) as report:
        report(7)
    assert "7/7" in capsys.readouterr().err
