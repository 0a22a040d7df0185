"""Keeps rates between currencies within a process, by the versions of what they were made from."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np

from analytics.tracks import Course, Track, track_of
from analytics.valuations import NEVER
from datasources.market import Market
from datasources.rates import FIRST_DAY, crosses
from models.market import RateQuestion
from services.stretches import Stretch, alike, covers, good_until, trim

RateVersion = tuple[str | int, ...]
Known = Stretch[Course, RateVersion]

UNSETTLED = timedelta(days=30)
"""How far back vendors that are asked day by day may still add or mend rates."""

YEAR = 365


class KeptRates:
    """What a process keeps of rates: those that have not changed are the very same as before."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], Known] = OrderedDict()

    async def between(
        self,
        market: Market,
        currencies: Collection[str],
        target: str,
        *,
        first: date,
        last: date,
    ) -> dict[str, Course]:
        """Return the rates of currencies to another; those of weekends are carried."""
        known = {one: self._known.get((one, target)) for one in currencies}
        # While others are waited for, what is kept may have to make room.
        courses = {one: kept.value for one, kept in known.items() if kept is not None}
        missing = await self._unlike(market, known, target, first=first, last=last)
        if missing:
            spans = [kept for kept in map(known.get, missing) if kept is not None]
            begin = min([first, *(kept.first for kept in spans)])
            end = max([last, *(kept.last for kept in spans)])
            settled = {
                one: kept
                for one, kept in known.items()
                if kept is not None and kept.first <= begin and len(kept.value.track.days)
            }
            found = await _rates_between(
                market, missing, target, first=begin, last=end, settled=settled
            )
            for currency, (track, version) in found.items():
                course = _course(known[currency], track, by_day=len(version) > 1)
                courses[currency] = course
                self._known[currency, target] = Stretch(
                    first=begin,
                    last=end,
                    until=good_until(self._clock(), whole=len(track.days) > 0),
                    value=course,
                    version=version,
                )
        trim(self._known, [(currency, target) for currency in currencies])
        return courses

    async def _unlike(
        self,
        market: Market,
        known: Mapping[str, Known | None],
        target: str,
        *,
        first: date,
        last: date,
    ) -> list[str]:
        """Return the currencies whose rates to another may have changed.

        After a while who has all rates at hand is asked for newer ones.
        """
        kept = {one: some for one, some in known.items() if some and covers(some, first, last)}
        now = self._clock()
        until = good_until(now, whole=True)
        old = {one for one, some in kept.items() if some.until <= now}
        if old:
            await market.euro_rates({*old, target}, first=last, last=last)
        versions = await _versions(
            market, kept, target, stored=[one for one in kept if len(kept[one].version) > 1]
        )
        for one in [one for one in old if kept[one].version == versions[one] == versions[one][:1]]:
            self._known[one, target] = replace(kept[one], until=until)
            old.discard(one)
        return [
            one
            for one in known
            if one in old or one not in kept or kept[one].version != versions[one]
        ]


def _course(before: Known | None, track: Track, *, by_day: bool) -> Course:
    """Return the course of rates: the very same as before if nothing is otherwise.

    What was asked for by day is only what may be otherwise, and what is known better than nothing.
    """
    if before is None:
        return Course(track)
    known = before.value.track
    if by_day:
        track = known.overlaid(track)
    return before.value if not len(track.days) or alike(known, track) else Course(track)


async def _versions(
    market: Market, currencies: Collection[str], target: str, *, stored: Collection[str]
) -> dict[str, RateVersion]:
    """Return what tells whether rates have changed: by whom all are published, or as stored."""
    published = await market.published_version()
    rows = await market.stored_rate_versions({*stored, target}) if stored else {}
    return {
        one: (published, rows.get(one, 0), rows.get(target, 0)) if one in stored else (published,)
        for one in currencies
    }


async def _rates_between(
    market: Market,
    currencies: Collection[str],
    target: str,
    *,
    first: date,
    last: date,
    settled: Mapping[str, Known],
) -> dict[str, tuple[Track, RateVersion]]:
    """Return the rates of currencies to another on the days of a stretch, and their versions.

    They are taken from who has all of them at hand. Those that nobody has so are asked for weekday
    by weekday; of ``settled`` ones only what may be otherwise is returned.
    """
    published = await market.published_version()
    anew = [
        one
        for one in currencies
        if one not in settled or len(known := settled[one].version) == 1 or known[0] != published
    ]
    found = await _at_hand(market, anew, target, first=first, last=last) if anew else {}
    lacking = [one for one in currencies if one not in found]
    versions = await _versions(market, lacking, target, stored=lacking)
    by_day = await _rates_by_day(
        market, versions, target, first=max(first, FIRST_DAY), last=last, settled=settled
    )
    return {one: (track, (published,)) for one, track in found.items()} | {
        one: (by_day.get(one, NEVER), version) for one, version in versions.items()
    }


async def _at_hand(
    market: Market, currencies: Collection[str], target: str, *, first: date, last: date
) -> dict[str, Track]:
    """Return the rates to another of the currencies of which somebody has all at hand."""
    legs = await market.euro_rates({*currencies, target}, first=first, last=last)
    tracks = await asyncio.to_thread(
        lambda: {
            currency: track_of(crosses(currency, target, legs=legs)) for currency in currencies
        }
    )
    found = {currency: track for currency, track in tracks.items() if len(track.days)}
    ends = await market.rates(
        {RateQuestion(base=currency, target=target, day=last) for currency in found}
    )
    for question, rate in ends.items():
        known = found[question.base]
        # What stands for the last day stands for those since the newest one, however old.
        rest = np.arange(known.days[-1] + 1, last.toordinal() + 1)
        values = np.full(len(rest), float(rate.value))
        found[question.base] = Track(
            days=np.append(known.days, rest), values=np.append(known.values, values)
        )
    return found


async def _rates_by_day(
    market: Market,
    versions: Mapping[str, RateVersion],
    target: str,
    *,
    first: date,
    last: date,
    settled: Mapping[str, Known],
) -> dict[str, Track]:
    """Return what is stored, and ask vendors for the weekdays that are not known or unsettled.

    Of years only those are asked for of which a first look, at one day of each, knows a rate.
    """
    if not versions:
        return {}
    since = {
        one: max(first, min(settled[one].last, last) - UNSETTLED) if one in settled else first
        for one in versions
    }
    same = all(
        one in settled and settled[one].version[1:] == version[1:]
        for one, version in versions.items()
    )
    begin = min(since.values()) if same else first
    stored = await market.stored_rates({*versions, target}, first=begin, last=last)
    values = await asyncio.to_thread(
        lambda: {one: dict(crosses(one, target, legs=stored)) for one in versions}
    )
    spans = {one: range(day.toordinal(), last.toordinal() + 1) for one, day in since.items()}
    looked = await market.rates(
        {
            RateQuestion(base=one, target=target, day=date.fromordinal(day))
            for one, span in spans.items()
            for day in (*span[::-YEAR], *span[:1])
        }
    )
    near: dict[str, set[int]] = {}
    for question in looked:
        span = spans[question.base]
        place = question.day.toordinal() - span.start
        near.setdefault(question.base, set()).update(span[max(place - YEAR, 0) : place + YEAR])
    found = await market.rates(
        {
            RateQuestion(base=one, target=target, day=day)
            for one, days in near.items()
            for day in map(date.fromordinal, days)
            if day.weekday() < 5 and (day >= last - UNSETTLED or day not in values[one])
        }
    )
    for question, rate in found.items():
        # Another process may have been told otherwise since: what is stored was told last.
        values[question.base].setdefault(question.day, rate.value)
    return {one: track_of(sorted(some.items())) for one, some in values.items() if some}
