"""The journey of a business event, station by station.

1. `gateway/` `ground/publish.py`      an event is accepted over HTTP or from the command line and written once
2. `processors/intake/`                it starts an instance of every workflow that waits for its type
3. `processors/orchestrate/`           the one stateful loop: `engine/` decides, state and history are written,
                                       commands go out
4. `processors/decide/` `call/` `human/`   step processors: a model, an outside system, a person; results go back to 3
5. `processors/orchestrate/outcome.py` how it ended, once per instance, on the topic of its workflow
6. `processors/view/` `readmodel/`     history becomes rows that people can query

`language/` turns YAML into the graph that `engine/` runs; `runtime/` is Faust made safe, on which every processor
stands; `ground/` is below all of them. What is declared is collected in `catalogue.py`. How to add to any of it is in
CONTRIBUTING.md.
"""
