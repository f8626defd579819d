"""Faust made safe: the runtime on which every processor stands.

Faust gives the group: membership, assignment, generations, commits. What it does not give (see the table) stands here:

| what must hold                                             | where          |
|------------------------------------------------------------|----------------|
| a handler sees a batch and its state, and returns effects  | `processor.py` |
| records are read by position, nothing is dropped           | `reader.py`    |
| nothing is committed that is not finished                  | `positions.py` |
| outputs, changelog, store, acknowledgement, commit         | `lane.py`, `fast_lane.py`, `slow_lane.py` |
| a record that cannot be used stops no other                | `containment.py`, `parking.py` |
| a record that workers die over is tried, alone             | `suspects.py`, `trial.py` |
| an input that lost its end is told and read anew           | `shortened.py` |
| every write is acknowledged by the brokers, or we exit     | `writer.py`    |
| state survives, and a zombie's late write does not win     | `table.py`, `epochs.py`, `store.py` |
| timers are rows that fall due, whatever the clock does     | `due.py`, `clock.py` |
| a worker that hangs ends                                   | `watchdog.py`  |
| circles of objects are looked for seldom                   | `garbage.py`   |
| a crash at any of these points can be asked for by a test  | `crash.py`     |

Only this package imports Faust.
"""
