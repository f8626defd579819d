"""The workflows that are measured: steps do nothing, so what is left is the engine, the runtime and Kafka."""

EVENT_TYPE = "bench.{name}.v1"

HEAD = """
document: {{ dsl: 1.0.3, namespace: bench, name: {name}, version: 1.0.0 }}
schedule: {{ on: {{ one: {{ with: {{ type: bench.{name}.v1 }} }} }} }}
do:
"""

STEP = """
  - step{number}:
      call: http
      with:
        method: post
        endpoint: connection://echo/
        body: "${{ . + {{step: {number}}} }}"
"""

PARKED = """
  - ask:
      call: human
      with: { team: bench, title: Waits, outcomes: [done] }
"""


def steps(name: str, count: int) -> str:
    """A workflow of `count` steps in a row."""
    return HEAD.format(name=name) + "".join(STEP.format(number=number) for number in range(1, count + 1))


DEFINITIONS = {"three-step": steps("three-step", 3), "one-task": steps("one-task", 1)}
PARKED_DEFINITION = HEAD.format(name="parked") + PARKED
