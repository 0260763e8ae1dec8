import datetime
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeflow.cron import parse
from transform.common.config import ConfigError

UTC = datetime.timezone.utc


def due(six_fields, time):
    """Whether six fields, seconds to weekdays, come due as Kubeflow reads them."""
    second, minute, hour, day, month, weekday = (
        None if field == "*" else {int(value) for value in field.split(",")}
        for field in six_fields.split(" ")
    )

    def fits(values, value):
        return values is None or value in values

    days = fits(day, time.day), fits(weekday, time.isoweekday() % 7)
    on_day = any(days) if day is not None and weekday is not None else all(days)
    return (
        second == {0}
        and fits(minute, time.minute)
        and fits(hour, time.hour)
        and fits(month, time.month)
        and on_day
    )


def fields(first, last):
    value = st.integers(first, last)
    span = st.tuples(value, value).map(lambda p: f"{min(p)}-{max(p)}")
    step = st.tuples(st.one_of(span, st.just("*")), st.integers(1, 9))
    part = st.one_of(value.map(str), span, step.map(lambda p: f"{p[0]}/{p[1]}"))
    return st.one_of(st.just("*"), st.lists(part, min_size=1, max_size=3).map(",".join))


@settings(deadline=None)
@given(
    st.tuples(fields(0, 59), fields(0, 23), fields(1, 28), fields(1, 12), fields(0, 7)),
    st.datetimes(datetime.datetime(2024, 1, 1), datetime.datetime(2030, 1, 1)),
)
def test_next_time_is_the_first_that_six_fields_come_due(parts, moment):
    after = moment.replace(tzinfo=UTC)
    cron = parse(" ".join(parts))
    six = cron.six_fields()
    assert parse(" ".join(six.split(" ")[1:])) == cron
    found = next(cron.times(after))
    assert found > after
    assert due(six, found)
    time = after.replace(second=0, microsecond=0) + datetime.timedelta(minutes=1)
    for _ in range(3000):  # two days, minute by minute
        if time >= found:
            break
        assert not due(six, time)
        time += datetime.timedelta(minutes=1)


@pytest.mark.parametrize(
    ("five", "six"),
    [
        ("0 3 * * *", "0 0 3 * * *"),
        ("*/15 * * * *", "0 0,15,30,45 * * * *"),
        ("@daily", "0 0 0 * * *"),
        ("@weekly", "0 0 0 * * 0"),
        ("30 8-10 * * mon-fri", "0 30 8,9,10 * * 1,2,3,4,5"),
        ("0 0 * * 7", "0 0 0 * * 0"),
        ("0 0 * * 5-7", "0 0 0 * * 0,5,6"),
        ("0 0 1 JAN,jul ?", "0 0 0 1 1,7 *"),
        ("10/20 * * * *", "0 10,30,50 * * * *"),
    ],
)
def test_five_fields_become_six(five, six):
    assert parse(five).six_fields() == six


def test_coming_times_are_in_their_order():
    start = datetime.datetime(2026, 11, 28, 18, 30, tzinfo=UTC)
    times = itertools.islice(parse("0 3 * * sat").times(start), 2)
    assert [f"{time:%Y-%m-%d %H:%M}" for time in times] == [
        "2026-12-05 03:00",
        "2026-12-12 03:00",
    ]
    leap = next(parse("0 0 29 2 *").times(start))
    assert leap.year == 2028


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0 3 * *", "no schedule of five fields"),
        ("0 0 3 * * *", "no schedule of five fields"),
        ("60 3 * * *", "'60' is wrong as the minute"),
        ("0 24 * * *", "'24' is wrong as the hour"),
        ("0 3 0 * *", "as the day of the month"),
        ("0 3 * 13 *", "as the month"),
        ("0 3 * * 8", "as the day of the week"),
        ("0 3 * * fry", "as the day of the week"),
        ("0 5-3 * * *", "'5-3' is wrong as the hour"),
        ("*/0 * * * *", "as the minute"),
        ("*/x * * * *", "as the minute"),
        ("1,,2 * * * *", "as the minute"),
        ("0 0 31 2 *", "never due"),
        ("", "no schedule of five fields"),
        ("@reboot", "no schedule of five fields"),
    ],
)
def test_wrong_schedule_names_its_field(text, sentence):
    with pytest.raises(ConfigError, match=sentence):
        parse(text)
