"""The journey of a business event, station by station.

1. `gateway/`, `publish.py`            an event is accepted over HTTP or from the command line and written once
2. `intake.py`                         it starts an instance of every workflow that waits for its type
3. `orchestrate.py`                    the one stateful loop: `engine/` decides, state and history are written,
                                       commands go out
4. `decide.py` `call.py` `human.py`    step processors: a model, an outside system, a person; results go back to 3
5. outcome topics                      how it ended, once per instance
6. `view.py`                           history becomes rows that people can query

`definition/` turns YAML into the graph that `engine/` runs; `runtime/` is Faust made safe, on which every processor
stands. Facts with one home: `topics.py`, `settings.py`, `metrics.py`, `errors.py`.
"""
