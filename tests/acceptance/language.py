"""Workflows that use the whole language, what happens about them, and what they have to come to.

One event starts an instance of each. Of the other events some come before it and some after, all of them twice, and
one more comes when nobody waits for it any longer. Several of their timers fall due in the same millisecond.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from schemas import ids
from schemas.cloudevents import CloudEvent
from tests.acceptance.journey import Subscriber
from tests.acceptance.site import Site

SOURCE = "acceptance"
STARTS = "acceptance.spoken.v1"
_HEAD = """
document: { dsl: 1.0.3, namespace: acceptance, name: NAME, version: 1.0.0, metadata: { onError: fault } }
schedule: { on: { one: { with: { type: acceptance.spoken.v1 } } } }
"""
_RELATED = "correlate: { name: { from: .name, expect: '${ $workflow.input[0].data.name }' } }"
_LEFT, _RIGHT, _RACED, _NEVER = (
    f"{{ with: {{ type: acceptance.{each}.v1, source: acceptance }}, {_RELATED} }}"
    for each in ("left", "right", "raced", "never")
)
LISTENED: Mapping[str, tuple[str, list[str]]] = {
    "one": (f"{{ one: {_LEFT} }}", ["left"]),
    "all": (f"{{ all: [{_LEFT}, {_RIGHT}] }}", ["left", "right"]),
    "any": (f"{{ any: [{_LEFT}, {_NEVER}] }}", ["left"]),
    "until-one": (f"{{ any: [{_NEVER}], until: {{ one: {_LEFT} }} }}", []),
    "until-all": (f"{{ any: [{_NEVER}], until: {{ all: [{_LEFT}, {_RIGHT}] }} }}", []),
    "until-any": (f"{{ any: [{_NEVER}], until: {{ any: [{_LEFT}, {_RACED}] }} }}", []),
}
CHILDREN = {
    "sleeper": """
document: { dsl: 1.0.3, namespace: acceptance, name: sleeper, version: 1.0.0 }
do: [{ rest: { wait: PT1H } }]
""",
    "halver": """
document: { dsl: 1.0.3, namespace: acceptance, name: halver, version: 1.0.0, metadata: { onError: fault } }
input: { schema: { document: { type: object, required: [n] } } }
do:
  - odd:
      if: .n % 2 == 1
      raise: { error: { type: 'https://example.com/odd', status: 422, title: Odd } }
  - half: { set: { half: '${ .n / 2 }' } }
""",
}
WORKFLOWS = {
    # Branches that race: an event, a child and a timer; one that fails is out of it.
    "race": f"""
do:
  - race:
      fork:
        compete: true
        branches:
          - heard: {{ listen: {{ to: {{ one: {{ with: {{ type: acceptance.raced.v1 }}, {_RELATED} }} }} }} }}
          - child: {{ run: {{ workflow: {{ namespace: acceptance, name: sleeper }} }} }}
          - timer: {{ wait: PT1H }}
          - fails: {{ raise: {{ error: {{ type: 'https://example.com/no', status: 400 }} }} }}
      output: {{ as: '${{ map(.what) }}' }}
""",
    # Timers that fall due in the same millisecond, racing and side by side; a timeout with them.
    "ties": """
do:
  - race:
      fork:
        compete: true
        branches:
          - a: { do: [{ rest: { wait: PT0.3S } }, { won: { set: { won: a } } }] }
          - b: { do: [{ rest: { wait: PT0.3S } }, { won: { set: { won: b } } }] }
          - c: { do: [{ rest: { wait: { milliseconds: 300 } } }, { won: { set: { won: c } } }] }
      export: { as: '${ $context + . }' }
  - beside:
      fork:
        branches:
          - x: { do: [{ rest: { wait: PT0.2S } }, { out: { set: { n: 1 } } }] }
          - y: { do: [{ rest: { wait: PT0.2S } }, { out: { set: { n: 2 } } }] }
          - z:
              try: [{ never: { wait: PT1H, timeout: short } }]
              catch: { errors: { with: { status: 408 } }, as: late, do: [{ out: { set: { n: '${ $late.status }' } } }] }
      output: { as: '${ {won: $context.won, n: map(.n)} }' }
use: { timeouts: { short: { after: PT0.2S } } }
""",
    # Tasks for each event, one event after the other; they take longer than the events take to come.
    "stream": f"""
do:
  - hear:
      listen:
        read: envelope
        to:
          any: [{{ with: {{ type: acceptance.part.v1, data: .n > 0 }}, {_RELATED} }}]
          until: length == 3
      foreach:
        item: part
        at: place
        do:
          - rest: {{ wait: PT0.05S }}
          - keep: {{ set: {{ n: '${{ $part.data.n }}', place: '${{ $place }}' }} }}
        output: {{ as: '${{ [.n, .place] }}' }}
        export: {{ as: '${{ {{sum: (($context.sum // 0) + $part.data.n)}} }}' }}
      output: {{ as: '${{ {{parts: ., sum: $context.sum}} }}' }}
""",
    # Every way to listen, without tasks for the events and with them.
    **{
        f"hear-{name}": f"""
do:
  - hear:
      listen: {{ to: {to}, read: raw }}
      output: {{ as: 'map(fromjson.what)' }}
"""
        for name, (to, _) in LISTENED.items()
    },
    **{
        f"each-{name}": f"""
do:
  - hear:
      listen: {{ to: {to} }}
      foreach: {{ do: [{{ rest: {{ wait: PT0.01S }} }}, {{ keep: {{ set: '${{ $item.what }}' }} }}] }}
      output: {{ as: sort }}
"""
        for name, (to, _) in LISTENED.items()
    },
    # A workflow whose time is over, in the millisecond in which it would have ended.
    "late": """
timeout: { after: PT0.2S }
do: [{ rest: { wait: PT0.2S } }, { more: { wait: PT1H } }]
""",
    # Children: one for each element, of which one fails; one that nobody waits for; one that has to end well.
    "kids": """
input: { from: '${ {numbers: [2, 3, 4]} }' }
output: { as: '${ {halves, one} }' }
do:
  - halves:
      call: map
      with:
        in: '${ .numbers }'
        each: number
        at: place
        workflow: { namespace: acceptance, name: halver, version: 1.0.0, input: { n: '${ $number }' } }
        concurrency: 2
        failure: collect
      export: { as: '${ {halves: map(.half // .error.status)} }' }
  - aside: { run: { await: false, workflow: { namespace: acceptance, name: halver, input: { n: 8 } } } }
  - one: { run: { workflow: { namespace: acceptance, name: halver, version: 1.0.0, input: { n: 10 } } } }
  - out: { set: { halves: '${ $context.halves }', one: '${ .half }' } }
""",
    # What is decided, repeated, raised, caught, told and called; a system that nobody reaches is asked again.
    "flow": f"""
evaluate: {{ language: jq, mode: strict }}
use:
  errors:
    dull: {{ type: 'https://example.com/dull', status: 409, title: Dull, detail: '${{ .name }}', instance: /here }}
  functions: {{ twice: {{ set: {{ n: '${{ .n * 2 }}' }} }} }}
  retries:
    thrice:
      delay: PT0.05S
      when: $error.status != 404
      exceptWhen: $error.status == 405
      limit: {{ attempt: {{ count: 2 }}, duration: PT1H }}
      backoff: {{ exponential: {{}} }}
      jitter: {{ from: PT0S, to: PT0.01S }}
do:
  - rounds:
      for: {{ each: round, in: '${{ [1, 2, 3, 4] }}', at: at }}
      while: $round < 4
      do:
        - rest: {{ wait: PT0.02S }}
        - count: {{ set: {{ name: '${{ .name }}', n: '${{ (.n // 0) + $round + $at }}' }} }}
  - doubled: {{ call: twice, with: {{ n: '${{ .n }}' }}, export: {{ as: '${{ {{n: .n}} }}' }} }}
  - which:
      switch:
        - small: {{ when: .n < 10, then: exit }}
        - large: {{ then: tried }}
  - tell:
      if: .why != null
      input: {{ schema: {{ document: {{ type: object, required: [why] }} }} }}
      emit: {{ event: {{ with: {{ type: acceptance.echoed.v1, data: {{ name: '${{ .why }}', what: echo }} }} }} }}
  - echo: {{ listen: {{ to: {{ one: {{ with: {{ type: acceptance.echoed.v1 }}, {_RELATED} }} }} }} }}
  - nobody:
      try: [{{ ask: {{ call: http, with: {{ method: get, endpoint: 'http://127.0.0.1:1/' }} }} }}]
      catch: {{ retry: thrice, do: [{{ note: {{ set: {{ away: true }} }} }}] }}
  - routed:
      call: rules
      with:
        input: '${{ {{n: $context.n}} }}'
        table: {{ rows: [{{ when: {{ n: '> 5' }}, route: much }}, {{ when: {{}}, route: little }}] }}
      output:
        as: '${{ {{n: $context.n, route: .route, away: $input.away}} }}'
        schema: {{ document: {{ type: object }} }}
      then: end
  - tried:
      input: {{ from: '${{ {{name: $workflow.input[0].data.name}} }}' }}
      try:
        - both: {{ do: [{{ no: {{ raise: {{ error: dull }} }} }}] }}
      catch:
        errors: {{ with: {{ type: 'https://example.com/dull', title: Dull, instance: /here }} }}
        as: found
        when: $found.status == 409
        exceptWhen: $found.title == "Other"
        do: [{{ kept: {{ set: {{ why: '${{ $found.detail }}' }} }} }}]
        then: tell
""",
}
# Workflows that several events start: a name that comes before the start has parts before what ends them.
SUMS = {
    "sum-all": (
        "{ all: [{ with: { type: acceptance.left.v1 }, OF }, { with: { type: acceptance.right.v1 }, OF }] }",
        "right",
    ),
    "sum-any": (
        "{ any: [{ with: { type: acceptance.left.v1 }, OF }, { with: { type: acceptance.raced.v1 }, OF }] }",
        "raced",
    ),
}
_SUM = """
document: { dsl: 1.0.3, namespace: acceptance, name: NAME, version: 1.0.0 }
schedule: { read: envelope, on: { any: [{ with: { type: acceptance.part.v1 }, OF }], until: UNTIL } }
do: [{ out: { set: { parts: '${ map(.data.n) }' } } }]
"""
DEFINITIONS = {name: _HEAD.replace("NAME", name) + text for name, text in WORKFLOWS.items()}
TOGETHER = {
    name: _SUM.replace("NAME", name).replace("UNTIL", until).replace("OF", "correlate: { name: { from: .name } }")
    for name, (until, _) in SUMS.items()
}
PARTS = (1, 2, 3)
COMES_TO: Mapping[str, object] = {
    "race": ["raced"],
    "ties": {"won": "a", "n": [1, 2, 408]},
    "stream": {"parts": [[n, at] for at, n in enumerate(PARTS)], "sum": sum(PARTS)},
    "kids": {"halves": [1, 422, 2], "one": 5},
    "flow": {"n": 18, "route": "much", "away": True},
    **{f"hear-{name}": heard for name, (_, heard) in LISTENED.items()},
    **{f"each-{name}": heard for name, (_, heard) in LISTENED.items()},
    **{name: {"parts": [0, *PARTS]} for name in SUMS},
}
"""What each gives; the one that is late gives nothing."""


async def prepare(site: Site) -> None:
    """Deploys the workflows, the children first."""
    await site.deploy(*CHILDREN.values(), *DEFINITIONS.values(), *TOGETHER.values())


async def happen(site: Site, names: Sequence[str]) -> None:
    """All that happens about these names, every event twice: of each second one the events come before the start."""
    early, late = names[::2], names[1::2]
    parts = [_event(name, "part", n) for name in early for n in (0, *PARTS)]
    told = ("raced", "left", "right")
    before = [*parts, *(_event(name, what) for name in early for what in told)]
    after = [_event(name, what) for name in late for what in reversed(told)]
    after += [_event(name, "part", n) for name in late for n in PARTS]
    useless = [_event(name, "part", 9) for name in names[::3]]
    starts = [_event(name, "spoken") for name in names]
    await site.publish([*before, *starts, *after, *useless] * 2)


def subscribers(site: Site, names: Sequence[str]) -> dict[str, Subscriber]:
    """Who hears how each instance ends, by workflow: those that the names start, and their children."""
    below = {"sleeper": sleepers(names), "halver": halvers(names)}
    wanted = {each: instances(each, names) for each in (*DEFINITIONS, *TOGETHER)} | below
    return {each: Subscriber(site, found, each) for each, found in wanted.items()}


async def verified(subscribed: Mapping[str, Subscriber], names: Sequence[str]) -> None:
    """Every instance has ended once, and as it has to."""
    faulted = [*_odd(names), *instances("late", names)]
    ends = dict.fromkeys(sleepers(names), "cancelled") | dict.fromkeys(faulted, "faulted")
    for workflow, subscriber in subscribed.items():
        outcomes = await subscriber.all_ended()
        assert not outcomes.contradicted, workflow
        for at, found in outcomes.decoded.items():
            assert found["status"] == ends.get(at, "completed"), f"{workflow}: {found}"
        if workflow in COMES_TO:
            output = {at: found["output"].value() for at, found in outcomes.decoded.items()}
            assert output == dict.fromkeys(instances(workflow, names), COMES_TO[workflow]), workflow


def instances(workflow: str, names: Sequence[str]) -> list[str]:
    """The instances of a workflow that the names start."""
    if workflow in SUMS:
        return [ids.instance_id(workflow, SOURCE, f"{name}-{SUMS[workflow][1]}-") for name in names[::2]]
    return [instance(workflow, name) for name in names]


def instance(workflow: str, name: str) -> str:
    """The instance of a workflow that a name starts."""
    return ids.instance_id(workflow, SOURCE, f"{name}-spoken-")


def sleepers(names: Iterable[str]) -> list[str]:
    """The children that lose a race."""
    return [ids.child_id(f"{instance('race', name)}/do/0/race/fork/branches/1/child/0/0") for name in names]


def halvers(names: Iterable[str]) -> list[str]:
    """The children that halve a number."""
    places = ("0/halves/with/workflow/0/0", "0/halves/with/workflow/2/0", "1/aside/0/0", "2/one/0/0")
    return [*(_child(name, place) for name in names for place in places), *_odd(names)]


def _odd(names: Iterable[str]) -> list[str]:
    """And those that fail, for theirs is odd."""
    return [_child(name, "0/halves/with/workflow/1/0") for name in names]


def _child(name: str, place: str) -> str:
    return ids.child_id(f"{instance('kids', name)}/do/{place}")


def _event(name: str, what: str, n: int | None = None) -> CloudEvent:
    id_ = f"{name}-{what}-{'' if n is None else n}"
    attributes = {"specversion": "1.0", "id": id_, "source": SOURCE, "type": f"acceptance.{what}.v1", "subject": name}
    return CloudEvent(attributes, {"name": name, "what": what} | ({} if n is None else {"n": n}))
