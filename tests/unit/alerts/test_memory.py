"""The short way for messages that repeat: what it remembers, what it forgets, and that forgetting stays cheap."""

import time

from rallypoint.alerts.intake.memory import Memory


def test_the_latest_bytes_of_an_alert_count() -> None:
    memory = Memory()
    memory.learn(b"one", 1)
    memory.learn(b"another", 1)
    assert (memory.get(b"one"), memory.get(b"another")) == (None, 1)
    memory.learn(b"another", 2)
    memory.learn(b"more", 1)
    assert (memory.get(b"another"), memory.get(b"more"), len(memory)) == (2, 1, 2)


def test_the_oldest_is_forgotten_first() -> None:
    memory = Memory(size=3)
    for number in range(5):
        memory.learn(b"%d" % number, number)
    assert [memory.get(b"%d" % number) for number in range(5)] == [None, None, 2, 3, 4]
    memory.forget(b"3")
    memory.forget(b"never heard")
    assert len(memory) == 2


def test_forgetting_costs_the_same_however_much_was_forgotten() -> None:
    """A process that lives for long has forgotten millions; the way to the oldest must not lead over them."""
    size, memory, cost = 50_000, Memory(size=50_000), []
    for turn in range(5):
        keys = [b"%d" % number for number in range(turn * size, (turn + 1) * size)]
        began = time.process_time()
        for number, key in enumerate(keys, turn * size):
            memory.learn(key, number)
        cost.append(time.process_time() - began)
    assert max(cost[1:]) < 10 * cost[0], [round(seconds, 3) for seconds in cost]
