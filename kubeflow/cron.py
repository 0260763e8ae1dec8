"""Schedules as people write them, in five fields, and as Kubeflow Pipelines takes them.

Kubeflow's have six: seconds stand first, and 7 is no Sunday. A schedule of five fields
that is taken as it stands means something else or nothing.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import NamedTuple

from transform.common.config import ConfigError

_NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DAYS = "sun mon tue wed thu fri sat".split()
_NUMBER = re.compile("[0-9]{1,9}")
_YEARS = 8  # that a time is looked for: the 29th of February may be as far


class _Field(NamedTuple):
    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()  # of the values from `first` on


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, tuple(_MONTHS)),
    _Field("day of the week", 0, 7, tuple(_DAYS)),
)


class Cron(NamedTuple):
    """A schedule: the minutes, hours, days and months in which it comes due.

    `None` stands for all. Where both kinds of days are given, either is enough.
    """

    minutes: tuple[int, ...] | None
    hours: tuple[int, ...] | None
    days: tuple[int, ...] | None
    months: tuple[int, ...] | None
    weekdays: tuple[int, ...] | None  # 0 is Sunday

    def six_fields(self) -> str:
        """Returns the schedule as Kubeflow Pipelines takes it."""
        return " ".join(
            ["0", *("*" if v is None else ",".join(map(str, v)) for v in self)]
        )

    def times(self, after: datetime.datetime) -> Iterator[datetime.datetime]:
        """Yields the times at which it comes due, in the zone of `after`."""
        day = after.replace(hour=0, minute=0, second=0, microsecond=0)
        for _ in range(_YEARS * 366):
            if self._is_due_on(day):
                for hour in self.hours or range(24):
                    for minute in self.minutes or range(60):
                        time = day.replace(hour=hour, minute=minute)
                        if time > after:
                            yield time
            day += datetime.timedelta(days=1)

    def _is_due_on(self, day: datetime.datetime) -> bool:
        if self.months and day.month not in self.months:
            return False
        in_month = not self.days or day.day in self.days
        in_week = not self.weekdays or day.isoweekday() % 7 in self.weekdays
        if self.days and self.weekdays:
            return in_month or in_week
        return in_month and in_week


def parse(text: str) -> Cron:
    """Reads a schedule of five fields, or one such as @daily.

    Raises:
        ConfigError: It is none; the message names the field.
    """
    fields = _NAMED.get(text.strip().lower(), text).lower().split()
    if len(fields) != len(_FIELDS):
        raise ConfigError(
            f"{text!r} is no schedule of five fields (minute, hour, day of the month, "
            "month, day of the week), as in '0 3 * * *', and none of "
            f"{', '.join(_NAMED)}."
        )
    values = [_values(part, field) for part, field in zip(fields, _FIELDS, strict=True)]
    *others, weekdays = values
    if weekdays is not None:
        weekdays = tuple(sorted({day % 7 for day in weekdays}))
        weekdays = None if len(weekdays) == 7 else weekdays
    minutes, hours, days, months = others
    cron = Cron(minutes, hours, days, months, weekdays)
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    if next(cron.times(start), None) is None:
        raise ConfigError(f"{text!r} is never due: no month has such a day.")
    return cron


def _values(text: str, field: _Field) -> tuple[int, ...] | None:
    """Returns the values that a field lists, None for every one."""
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        low, dash, high = span.partition("-")
        every = int(step) if _NUMBER.fullmatch(step) else 0
        if slash and every < 1:
            raise _wrong(text, field)
        if span in ("*", "?"):
            first, last = field.first, field.last
        else:
            first = _value(low, text, field)
            last = _value(high, text, field) if dash else first
            if slash and not dash:
                last = field.last
        if last < first:
            raise _wrong(text, field)
        found.update(range(first, last + 1, every or 1))
    everything = set(range(field.first, field.last + 1))
    return None if text in ("*", "?") or found == everything else tuple(sorted(found))


def _value(text: str, whole: str, field: _Field) -> int:
    if text in field.names:
        return field.names.index(text) + field.first
    if not _NUMBER.fullmatch(text) or not field.first <= int(text) <= field.last:
        raise _wrong(whole, field)
    return int(text)


def _wrong(text: str, field: _Field) -> ConfigError:
    names = f" or {field.names[0]}…{field.names[-1]}" if field.names else ""
    return ConfigError(
        f"{text!r} is wrong as the {field.name} of a schedule: {field.first} to "
        f"{field.last}{names}, lists, ranges and steps, as in 1,15 or 8-18/2."
    )
