"""The breaker against a model of what it promises."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from docstore.cache.breaker import Breaker

LIMIT, OPEN = 3, 5.0


class BreakerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.breaker = Breaker(LIMIT, OPEN, clock=lambda: self.now)
        self.failed = 0
        self.closed_until = 0.0

    @rule(seconds=st.floats(0.1, 10))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(works=st.booleans())
    def somebody_calls(self, works: bool) -> None:
        expected = self.failed < LIMIT or self.now >= self.closed_until
        assert self.breaker.is_open is not expected
        assert self.breaker.allows() is expected
        if not expected:
            return
        if self.failed >= LIMIT:
            assert not self.breaker.allows(), "only one may try when the time is up"
        if works:
            self.failed = 0
            self.breaker.succeeded()
        else:
            self.failed += 1
            assert self.breaker.failed() is (self.failed == LIMIT)
            self.closed_until = self.now + OPEN


TestBreaker = BreakerMachine.TestCase
