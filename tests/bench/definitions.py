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

RETRIES = 3
FAILS = """
document: {{ dsl: 1.0.3, namespace: bench, name: {connection}-calls, version: 1.0.0, metadata: {{ onError: fault }} }}
schedule: {{ on: {{ one: {{ with: {{ type: bench.{connection}-calls.v1 }} }} }} }}
do:
  - step:
      call: http
      with: {{ method: post, endpoint: connection://{connection}/, body: "${{ . }}" }}
      metadata:
        effect: keyed
        recovery: {{ retries: {retries}, delay: {{ milliseconds: 500 }} }}
"""

PARKED = {
    "people": """
  - ask:
      call: human
      with: { team: bench, title: Waits, outcomes: [done] }
""",
    "listens": """
  - hear:
      listen:
        to:
          one:
            with: { type: bench.heard.v1 }
            correlate: { number: { from: .number, expect: "${ .number }" } }
""",
    "timers": """
  - sleep: { wait: "${ {milliseconds: (.due - $workflow.startedAt.epoch.milliseconds)} }" }
""",
}


def steps(name: str, count: int, effect: str | None = None, head: str = HEAD) -> str:
    """A workflow of `count` steps in a row, whose calls are of this effect."""
    last = "" if effect is None else f"      metadata: {{ effect: {effect} }}\n"
    return head.format(name=name) + "".join(STEP.format(number=number) + last for number in range(1, count + 1))


CALLS = {f"{effect}-calls": steps(f"{effect}-calls", 3, effect) for effect in ("keyed", "blind")}
FAILING = {
    f"{connection}-calls": FAILS.format(connection=connection, retries=RETRIES)
    for connection in ("refusing", "away", "hanging")
}
# Ends where a step fails, in place of waiting for somebody's decision: so nothing is kept with which to do it again.
GIVES_UP = HEAD.replace("version: 1.0.0 }}", "version: 1.0.0, metadata: {{ onError: fault }} }}")
DEFINITIONS = {
    "three-step": steps("three-step", 3),
    "gives-up": steps("gives-up", 3, head=GIVES_UP),
    "one-task": steps("one-task", 1),
    "keyed-call": steps("keyed-call", 1, "keyed"),
    **CALLS,
    **FAILING,
}
PARKED_DEFINITIONS = {f"parked-{kind}": HEAD.format(name=f"parked-{kind}") + waits for kind, waits in PARKED.items()}
