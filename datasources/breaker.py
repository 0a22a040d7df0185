"""A circuit breaker: a provider that keeps failing is left alone, then tried with one question."""

from datetime import datetime, timedelta
from enum import Enum

from datasources.protocols import Clock
from models.market import BreakerState

FAILURES = 5
"""So many failures in a row open the circuit."""

PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=15)


class Admission(Enum):
    """What a call that was let through is: an ordinary one, or the one that decides."""

    CALL = "CALL"
    PROBE = "PROBE"


class Breaker:
    """Counts failures in a row; each pause after a failed probe is twice as long."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._pause = PAUSE
        self._opened_at: datetime | None = None
        self._probing = False

    @property
    def state(self) -> BreakerState:
        """Tell whether calls are let through; half-open lets one through."""
        if self._opened_at is None:
            return BreakerState.CLOSED
        # A clock that was put back must not keep it open.
        waited = abs(self._clock() - self._opened_at)
        return BreakerState.OPEN if waited < self._pause else BreakerState.HALF_OPEN

    @property
    def probes_at(self) -> datetime | None:
        """Return when the next probe is due; null while the circuit is closed."""
        return None if self._opened_at is None else self._opened_at + self._pause

    def admit(self) -> Admission | None:
        """Let a call through, or not; what was let through must be settled."""
        state = self.state
        if state is BreakerState.CLOSED:
            return Admission.CALL
        if state is BreakerState.HALF_OPEN and not self._probing:
            self._probing = True
            return Admission.PROBE
        return None

    def settle(self, admission: Admission, *, faulty: bool | None) -> None:
        """Take the result of a call; null for one that tells nothing either way."""
        if admission is Admission.PROBE:
            self._probing = False
            if faulty is False:
                self._failures, self._pause, self._opened_at = 0, PAUSE, None
            elif faulty:
                self._pause = min(self._pause * 2, LONGEST_PAUSE)
                self._opened_at = self._clock()
        elif self._opened_at is None and faulty is not None:
            # A late result of a call from before it opened changes nothing.
            self._failures = self._failures + 1 if faulty else 0
            if self._failures >= FAILURES:
                self._opened_at = self._clock()
