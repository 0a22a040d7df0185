"""How a process that serves shares the interpreter among its threads."""

import sys

from gateway.server import take_short_turns


def test_threads_hand_the_interpreter_over_after_a_millisecond():
    before = sys.getswitchinterval()
    try:
        take_short_turns()
        assert sys.getswitchinterval() == 0.001
    finally:
        sys.setswitchinterval(before)
