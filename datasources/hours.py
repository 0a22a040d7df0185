"""The table of opening hours: when each market trades on an ordinary day, in its own time.

The hours are those of continuous trading as the exchanges publish them: prices of the opening and
closing auctions are made in the minutes around them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

ALWAYS, CURRENCIES = "always", "currencies"
"""The markets that no exchange holds: crypto assets, and currencies between banks."""

FRIDAY = 4
MONDAY_TO_FRIDAY, SUNDAY_TO_THURSDAY = (0, 1, 2, 3, 4), (6, 0, 1, 2, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """A market's day in local time, from the day ``since`` on.

    ``half`` is when half days end, ``ends`` when certain weekdays do; ``calendar`` is the name
    under which ``holidays`` knows the exchange. ``eve`` says that a day begins on the evening
    before, ``year_end`` that the last trading day of a year is a half day.
    """

    zone: str
    opens: str
    closes: str
    lunch: tuple[str, str] | None = None
    half: str | None = None
    ends: Mapping[int, str] = field(default_factory=dict)
    calendar: str | None = None
    week: tuple[int, ...] = MONDAY_TO_FRIDAY
    eve: bool = False
    year_end: bool = False
    since: date = date.min


_EURONEXT = Hours(zone="Europe/Paris", opens="09:00", closes="17:30", half="14:05", calendar="XPAR")
_GERMANY = Hours(
    zone="Europe/Berlin",
    opens="09:00",
    closes="17:30",
    half="14:00",
    calendar="XETR",
    year_end=True,
)
_TORONTO = Hours(
    zone="America/Toronto", opens="09:30", closes="16:00", half="13:00", calendar="XTSE"
)
_CHINA = Hours(
    zone="Asia/Shanghai",
    opens="09:30",
    closes="15:00",
    lunch=("11:30", "13:00"),
    calendar="XSHG",
)
_KOREA = Hours(zone="Asia/Seoul", opens="09:00", closes="15:30", calendar="XKRX")
_TAIWAN = Hours(zone="Asia/Taipei", opens="09:00", closes="13:30", calendar="XTAI")
_INDIA = Hours(zone="Asia/Kolkata", opens="09:15", closes="15:30", calendar="XNSE")
_TOKYO = Hours(
    zone="Asia/Tokyo",
    opens="09:00",
    closes="15:00",
    lunch=("11:30", "12:30"),
    calendar="XJPX",
)
_TEL_AVIV = Hours(zone="Asia/Jerusalem", opens="09:59", closes="17:25", week=SUNDAY_TO_THURSDAY)

# The times of a market, the newest last.
HOURS: Mapping[str, tuple[Hours, ...]] = {
    # Trading goes round the clock from Monday in Wellington to Friday evening in New York.
    CURRENCIES: (Hours(zone="America/New_York", opens="17:00", closes="17:00", eve=True),),
    "XNYS": (
        Hours(
            zone="America/New_York", opens="09:30", closes="16:00", half="13:00", calendar="XNYS"
        ),
    ),
    "XTSE": (_TORONTO,),
    "XTSX": (_TORONTO,),
    "NEOE": (_TORONTO,),
    "XCNQ": (_TORONTO,),
    "XLON": (
        Hours(zone="Europe/London", opens="08:00", closes="16:30", half="12:30", calendar="XLON"),
    ),
    "XETR": (_GERMANY,),
    "XFRA": (replace(_GERMANY, opens="08:00", closes="22:00"),),
    "XPAR": (_EURONEXT,),
    "XAMS": (replace(_EURONEXT, zone="Europe/Amsterdam", calendar="XAMS"),),
    "XBRU": (replace(_EURONEXT, zone="Europe/Brussels", calendar="XBRU"),),
    "XLIS": (
        Hours(zone="Europe/Lisbon", opens="08:00", closes="16:30", half="13:05", calendar="XLIS"),
    ),
    "XDUB": (
        Hours(zone="Europe/Dublin", opens="08:00", closes="16:30", half="13:00", calendar="XDUB"),
    ),
    "XMIL": (replace(_EURONEXT, zone="Europe/Rome", calendar="XMIL"),),
    "XOSL": (
        Hours(zone="Europe/Oslo", opens="09:00", closes="16:20", half="13:00", calendar="XOSL"),
    ),
    "XMAD": (
        Hours(zone="Europe/Madrid", opens="09:00", closes="17:30", half="14:00", calendar="XMAD"),
    ),
    "XSWX": (Hours(zone="Europe/Zurich", opens="09:00", closes="17:20", calendar="XSWX"),),
    "XWBO": (Hours(zone="Europe/Vienna", opens="09:00", closes="17:30"),),
    "XHEL": (Hours(zone="Europe/Helsinki", opens="10:00", closes="18:25"),),
    "XSTO": (Hours(zone="Europe/Stockholm", opens="09:00", closes="17:25"),),
    "XCSE": (Hours(zone="Europe/Copenhagen", opens="09:00", closes="16:55"),),
    "XWAR": (Hours(zone="Europe/Warsaw", opens="09:00", closes="16:50", calendar="XWAR"),),
    "XIST": (
        Hours(zone="Europe/Istanbul", opens="10:00", closes="18:00", half="12:40", calendar="XIST"),
    ),
    "XTKS": (_TOKYO, replace(_TOKYO, closes="15:30", since=date(2024, 11, 5))),
    "XHKG": (
        Hours(
            zone="Asia/Hong_Kong",
            opens="09:30",
            closes="16:00",
            lunch=("12:00", "13:00"),
            half="12:00",
            calendar="XHKG",
        ),
    ),
    "XSHG": (_CHINA,),
    "XSHE": (replace(_CHINA, calendar="XSHE"),),
    "XASX": (
        Hours(
            zone="Australia/Sydney", opens="10:00", closes="16:00", half="14:00", calendar="XASX"
        ),
    ),
    "XNZE": (
        Hours(
            zone="Pacific/Auckland", opens="10:00", closes="16:45", half="13:30", calendar="XNZE"
        ),
    ),
    "XSES": (
        Hours(
            zone="Asia/Singapore",
            opens="09:00",
            closes="17:00",
            lunch=("12:00", "13:00"),
            half="12:00",
            calendar="XSES",
        ),
    ),
    "XIDX": (
        Hours(
            zone="Asia/Jakarta",
            opens="09:00",
            closes="16:00",
            lunch=("12:00", "13:30"),
        ),
    ),
    "XKLS": (
        Hours(
            zone="Asia/Kuala_Lumpur",
            opens="09:00",
            closes="17:00",
            lunch=("12:30", "14:30"),
        ),
    ),
    "XBKK": (
        Hours(
            zone="Asia/Bangkok",
            opens="10:00",
            closes="16:30",
            lunch=("12:30", "14:00"),
        ),
    ),
    "XKRX": (_KOREA,),
    "XKOS": (_KOREA,),
    "XTAI": (_TAIWAN,),
    "ROCO": (_TAIWAN,),
    "XNSE": (_INDIA,),
    "XBOM": (replace(_INDIA, calendar="XBOM"),),
    "XJSE": (
        Hours(
            zone="Africa/Johannesburg",
            opens="09:00",
            closes="17:00",
            half="12:00",
            calendar="XJSE",
        ),
    ),
    "XTAE": (
        _TEL_AVIV,
        replace(_TEL_AVIV, week=MONDAY_TO_FRIDAY, ends={FRIDAY: "14:00"}, since=date(2026, 1, 4)),
    ),
    "XKUW": (Hours(zone="Asia/Kuwait", opens="09:00", closes="12:45", week=SUNDAY_TO_THURSDAY),),
    # An hour longer while New York has winter time: the longer day is taken for both.
    "BVMF": (Hours(zone="America/Sao_Paulo", opens="10:00", closes="18:00", calendar="BVMF"),),
    # Mexico follows the hours of New York, and has no summer time of its own.
    "XMEX": (Hours(zone="America/New_York", opens="09:30", closes="16:00", calendar="XMEX"),),
}

INDICES: Mapping[str, str] = {
    "^GSPC": "XNYS",
    "^DJI": "XNYS",
    "^IXIC": "XNYS",
    "^NDX": "XNYS",
    "^RUT": "XNYS",
    "^GSPTSE": "XTSE",
    "^FTSE": "XLON",
    "^GDAXI": "XETR",
    "^FCHI": "XPAR",
    "^AEX": "XAMS",
    "^SSMI": "XSWX",
    "^N225": "XTKS",
    "^HSI": "XHKG",
}
"""The markets that well-known indices are made of; others may change at any time."""
