"""Random definitions that are valid, and random answers to their calls, for properties that hold for all of them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.reference.interpreter import Answer, Calls

Json = Any
DIRECTIVES = ("exit", "end")

VALUES = (
    "${ . }",
    "${ {n: 1, d: .} }",
    "${ .n }",
    "${ $context }",
    "${ $input }",
    "${ {at: $task.name, raw: $task.input} }",
    "${ [., 1] }",
    "${ (.n? // 0) + 1 | {n: .} }",
    "${ $workflow.input }",
    "${ .n + 1 }",
    "${ empty }",
    {"n": 3, "deep": {"d": "${ .d? }"}},
    {"n": "${ length? // 7 }"},
)
CONDITIONS = (
    "${ true }",
    "${ false }",
    "${ (.n? // 0) > 1 }",
    "${ . == null }",
    '${ ($context | type) == "object" and $context.seen == true }',
    '${ type == "object" }',
    "${ .n > 0 }",
    "${ .n }",
)
EXPORTS = (
    "${ {seen: true} }",
    "${ $context + {last: $output.n?} }",
    "${ $context + {($task.name): 1} }",
    "${ $context + {count: (($context.count? // 0) + 1)} }",
    "${ . }",
    "${ {n: $context.n} + {m: .m} }",
    "${ $context * {deep: {mine: {($task.name): 1}}} }",
    "${ $context * {deep: {count: 2}} }",
)
COLLECTIONS = ("${ [1, 2, 3] }", "${ [] }", "${ [.[]?] }", "${ [range(.n? // 2)] }", "${ .n }", [True, {"n": 1}])
WHILES = ("${ $index < 2 }", "${ $item != 2 }", "${ .n? != 5 }", "${ $input != null }")
ERRORS = (
    {"type": "https://example.com/errors/refused", "status": 422, "title": "Refused"},
    {"type": "https://serverlessworkflow.io/spec/1.0.0/errors/communication", "status": 503, "detail": "${ tojson }"},
    {"type": "https://example.com/errors/odd", "status": "${ .n }"},
    {"type": "https://example.com/errors/untitled", "status": 422, "detail": "${ . }"},
)
FILTERS: tuple[dict[str, Json] | None, ...] = (
    None,
    {},
    {"status": 503},
    {"type": "https://open-workflow-specification.org/spec/1.0.0/errors/communication"},
    {"status": 422, "title": "Refused"},
    {"title": "Runtime error"},
    {"title": "untitled"},
)
CATCH_CONDITIONS = (
    "${ $error.detail != null }",
    "${ $error.title == null }",
    "${ $error.status > 400 }",
    '${ $error.title == "Refused" }',
    "${ .n? == null }",
    "${ false }",
)
OUTPUTS: tuple[Json, ...] = ({"n": 1}, {"n": 5, "d": {"x": None}}, [1, 2], None, "text", 7)
FAULTS = (
    {"type": "https://open-workflow-specification.org/spec/1.0.0/errors/communication", "status": 503, "title": "Away"},
    {"type": "https://example.com/errors/refused", "status": 422, "title": "Refused"},
)


NAMED_ERRORS = {"refused": ERRORS[0], "told": ERRORS[3]}
OWN = "own"
"""The function that random definitions have themselves."""
FUNCTIONS: tuple[Json, ...] = (
    {"call": "decide", "with": {"model": "m", "input": "${ . }"}, "output": {"as": "${ $input + {n: .n?} }"}},
    {"input": {"schema": {"document": {"type": "object"}}}, "set": "${ {n: .n, t: $task.reference} }"},
    {"do": [{"a": {"set": "${ . }", "export": {"as": EXPORTS[1]}}}, {"b": {"set": {"n": "${ .n }"}, "then": "exit"}}]},
    {"switch": [{"c": {"when": "${ .n? == 1 }", "then": "end"}}], "output": {"as": "${ {n: 2} }"}},
    {"try": [{"r": {"raise": {"error": "refused"}}}], "catch": {"as": "item", "do": [{"s": {"set": "${ $item }"}}]}},
)


def inputs() -> st.SearchStrategy[Json]:
    """Inputs of workflows."""
    return st.sampled_from(({"n": 0}, {"n": 2, "d": [1]}, {}, None, [{"n": 1}, {"n": 2}]))


@st.composite
def answers(draw: st.DrawFn) -> Calls:
    """A function that answers calls: the same call with the same arguments always gets the same answer."""
    seed = draw(st.integers(0, 2**16))
    faulting = draw(st.sampled_from((0, 1, 4)))  # of ten

    def answer(pointer: str, function: str, arguments: Json) -> Answer:
        drawn = zlib.crc32(f"{seed}{pointer}{arguments}".encode())
        if drawn % 10 < faulting:
            return Answer(error=FAULTS[drawn // 10 % len(FAULTS)])
        return Answer(output=OUTPUTS[drawn // 10 % len(OUTPUTS)])

    return answer


TIMES_MS = (10, 20, 30, 40, 50, 60)
LATE = {"type": "https://open-workflow-specification.org/spec/1.0.0/errors/timeout", "status": 408, "title": "Timeout"}


@st.composite
def timed_answers(draw: st.DrawFn) -> Calls:
    """Answers that take their time; some say that they ran out of it."""
    seed = draw(st.integers(0, 2**16))
    faults = (None, None, FAULTS[0], LATE, LATE)

    def answer(pointer: str, function: str, arguments: Json) -> Answer:
        drawn = zlib.crc32(f"{seed}{pointer}".encode())
        after_ms = (5, *TIMES_MS, 75)[drawn % 8]
        fault = faults[drawn // 8 % len(faults)]
        return Answer({"n": pointer}, after_ms=after_ms) if fault is None else Answer(error=fault, after_ms=after_ms)

    return answer


@st.composite
def timed(draw: st.DrawFn) -> dict[str, Json]:
    """Documents of timeouts around timeouts, with `try` between them, where one thing is waited for at a time."""
    document: dict[str, Json] = {
        "document": {"dsl": "1.0.3", "namespace": "test", "name": "timed", "version": "1.0.0"},
        "do": draw(_timed_lists(4)),
    }
    return document | draw(_timeouts(3))


@st.composite
def _timed_lists(draw: st.DrawFn, depth: int) -> list[dict[str, Json]]:
    return [{f"t{index}": draw(_timed_tasks(depth))} for index in range(draw(st.integers(1, 2)))]


@st.composite
def _timed_tasks(draw: st.DrawFn, depth: int) -> dict[str, Json]:
    kind = draw(st.sampled_from(("do", "try", "try", "for") if depth else ("call", "call", "wait")))
    task: dict[str, Json] = draw(_timeouts(2 if depth else 1))
    if kind == "call":
        return task | {"call": "decide", "with": {"model": "m"}}
    if kind == "wait":
        return task | {"wait": {"milliseconds": draw(st.sampled_from(TIMES_MS))}}
    if kind == "for":
        return task | {"for": {"in": [1, 2]}, "do": draw(_timed_lists(depth - 1))}
    if kind == "do":
        return task | {"do": draw(_timed_lists(depth - 1))}
    wanted: dict[str, Json] = draw(
        st.sampled_from(({}, {}, {"errors": {"with": {"status": 408}}}, {"errors": {"with": LATE}}))
    )
    handler = [{"seen": {"set": "${ {by: $task.reference, of: $error.instance} }"}}]
    if draw(st.booleans()):
        handler.append({"then": draw(_timed_tasks(0))})
    return task | {"try": draw(_timed_lists(depth - 1)), "catch": {**wanted, "do": handler}}


@st.composite
def _timeouts(draw: st.DrawFn, of_four: int) -> dict[str, Json]:
    if draw(st.integers(0, 3)) >= of_four:
        return {}
    return {"timeout": {"after": {"milliseconds": draw(st.sampled_from(TIMES_MS))}}}


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Json]:
    """Documents of up to three levels; JSON is YAML, so `orjson.dumps` makes a file of one."""
    document: dict[str, Json] = {
        "document": {"dsl": "1.0.3", "namespace": "test", "name": "random", "version": "1.0.0"},
        "do": draw(_lists(2)),
    }
    document["use"] = {"errors": NAMED_ERRORS, "functions": {OWN: draw(st.sampled_from(FUNCTIONS))}}
    if draw(st.booleans()):
        document["output"] = {"as": draw(st.sampled_from(("${ {result: ., context: $context} }", "${ .n? }")))}
    if draw(_rarely()):
        document["input"] = {"from": "${ {n: (.n? // 1)} }"}
    return document


@st.composite
def joins(draw: st.DrawFn) -> dict[str, Json]:
    """Documents whose branches export contexts that meet in a join; in some a branch fails and is caught."""
    branches = [{f"b{index}": draw(_branches())} for index in range(draw(st.integers(2, 3)))]
    tasks: list[dict[str, Json]] = [
        {"first": {"set": {"n": 1}, "export": {"as": {"count": 1, "seen": False, "deep": {"count": 1}}}}},
        {"join": {"fork": {"branches": branches}}},
    ]
    if draw(st.booleans()):
        tasks = [{"guarded": {"try": tasks, "catch": {"as": "error"}}}]
    return {
        "document": {"dsl": "1.0.3", "namespace": "test", "name": "joins", "version": "1.0.0"},
        "do": tasks,
        "use": {"errors": NAMED_ERRORS},
        "output": {"as": "${ {result: ., context: $context} }"},
    }


@st.composite
def _branches(draw: st.DrawFn) -> dict[str, Json]:
    inner: dict[str, Json] = draw(st.one_of(_set(0), _call(0), _raise(0)))
    exports = st.fixed_dictionaries({"as": st.sampled_from(EXPORTS)})
    if draw(st.booleans()):
        inner = {"do": [{"before": {"set": "${ . }", "export": draw(exports)}}, {"inside": inner}]}
    if draw(st.integers(0, 3)):
        inner["export"] = draw(exports)
    return inner


def _rarely() -> st.SearchStrategy[bool]:
    return st.integers(0, 4).map(lambda drawn: drawn == 4)


@st.composite
def _lists(draw: st.DrawFn, depth: int) -> list[dict[str, Json]]:
    names = [f"t{index}" for index in range(draw(st.integers(1, 4)))]
    tasks = [{name: draw(_tasks(depth))} for name in names]
    for index, name in enumerate(names):
        draw(_jumps(tasks[index][name], names[index + 1 :]))
    return tasks


@st.composite
def _jumps(draw: st.DrawFn, task: dict[str, Json], following: list[str]) -> None:
    """Forward only, and never so that a task is cut off."""
    if (task.get("if") or not following) and draw(_rarely()):
        task["then"] = draw(st.sampled_from((*DIRECTIVES, *following)))
        if task["then"] == "end" and "set" in task and draw(st.booleans()):
            task["metadata"] = {"compensate": True}
    if "catch" in task and draw(_rarely()):
        task["catch"]["then"] = draw(st.sampled_from(("continue", *DIRECTIVES, *following)))
    clauses = [clause for case in task.get("switch", ()) for clause in case.values()]
    for clause in clauses[1:] if any("when" not in clause for clause in clauses) else clauses:
        clause["then"] = draw(st.sampled_from(("continue", *DIRECTIVES, *following)))  # the first goes on to the next


@st.composite
def _tasks(draw: st.DrawFn, depth: int) -> dict[str, Json]:
    kinds = [kind for kind in KINDS.values() if depth or not kind.nests for _ in range(kind.weight)]
    task: dict[str, Json] = draw(draw(st.sampled_from(kinds)).drawn(depth))
    if draw(_rarely()):
        task["if"] = draw(st.sampled_from(CONDITIONS))
    if draw(_rarely()):
        task["input"] = {"from": draw(st.sampled_from([value for value in VALUES if "$input" not in str(value)]))}
    if draw(_rarely()):
        task["output"] = {"as": draw(st.sampled_from(VALUES))}
    if draw(_rarely()):
        task["output"] = {"schema": {"document": {"type": ["object", "array", "null"]}}}
    if draw(st.booleans() if depth < 2 else _rarely()):
        task["export"] = {"as": draw(st.sampled_from(EXPORTS))}
    return task


@st.composite
def _set(draw: st.DrawFn, depth: int) -> dict[str, Json]:
    return {"set": draw(st.sampled_from(VALUES))}


@st.composite
def _call(draw: st.DrawFn, depth: int) -> dict[str, Json]:
    return _asked(draw(st.sampled_from(VALUES))) | draw(_undone())


def _asked(value: Json) -> dict[str, Json]:
    return {"call": "decide", "with": {"model": "m", "input": value}}


@st.composite
def _own(draw: st.DrawFn, depth: int) -> dict[str, Json]:
    values = st.sampled_from([value for value in VALUES if isinstance(value, dict)])
    return {"call": OWN} | ({"with": draw(values)} if draw(st.booleans()) else {})


UNDOS: tuple[Json, ...] = (
    _asked("${ .output }"),
    _asked("${ .input.n }"),
    {"set": "${ {was: .output, c: $context} }", "if": "${ .output != null }"},
    {"do": [{"u": _asked("${ .input }")}, {"v": {"set": "${ .n + 1 }"}}, {"w": _asked("${ . }")}]},
    {"do": [{"t": {"try": [{"u": _asked("${ .output }")}], "catch": {"errors": {"with": {"status": 503}}}}}]},
    {"raise": {"error": ERRORS[0]}, "if": "${ .output.n? == 1 }"},
    "none",
)


@st.composite
def _undone(draw: st.DrawFn) -> dict[str, Json]:
    """How a step says that it is undone, if it does."""
    return {"metadata": {"compensate": draw(st.sampled_from(UNDOS))}} if draw(_rarely()) else {}


@st.composite
def _emit(draw: st.DrawFn, depth: int) -> dict[str, Json]:
    return {"emit": {"event": {"with": {"type": "example.done.v1", "data": draw(st.sampled_from(VALUES))}}}} | draw(
        _undone()
    )


@st.composite
def _switch(draw: st.DrawFn, depth: int) -> dict[str, Json]:
    cases: list[dict[str, Json]] = [
        {f"c{index}": {"when": draw(st.sampled_from(CONDITIONS)), "then": "continue"}}
        for index in range(draw(st.integers(1, 2)))
    ]
    return {"switch": cases + ([{"otherwise": {"then": "continue"}}] if draw(st.booleans()) else [])}


@st.composite
def _raise(draw: st.DrawFn, depth: int) -> dict[str, Json]:
    """Only where a condition lets the flow go round it, else the tasks behind it would never be reached."""
    return {
        "if": draw(st.sampled_from(CONDITIONS)),
        "raise": {"error": draw(st.sampled_from((*ERRORS, *NAMED_ERRORS)))},
    }


@st.composite
def _wait(draw: st.DrawFn, depth: int) -> dict[str, Json]:
    length = draw(st.sampled_from(({"milliseconds": 5}, "PT1S", "${ {seconds: (.n? // 1)} }")))
    calendar = {"zone": "Europe/Berlin", "hours": ["09:00-17:00"]}
    return {"wait": length, **({"metadata": {"calendar": calendar}} if draw(st.booleans()) else {})}


@st.composite
def _do(draw: st.DrawFn, depth: int) -> dict[str, Json]:
    return {"do": draw(_lists(depth - 1))}


@st.composite
def _for(draw: st.DrawFn, depth: int) -> dict[str, Json]:
    task: dict[str, Json] = {"for": {"in": draw(st.sampled_from(COLLECTIONS))}, "do": draw(_lists(depth - 1))}
    if draw(st.booleans()):
        task["while"] = draw(st.sampled_from(WHILES))
    return task


@st.composite
def _fork(draw: st.DrawFn, depth: int) -> dict[str, Json]:
    branches = [{f"b{index}": draw(_tasks(depth - 1))} for index in range(draw(st.integers(1, 3)))]
    if not draw(_rarely()):
        return {"fork": {"branches": branches}}
    lost = {"do": [{"lose": {"raise": {"error": ERRORS[0]}}}]}
    losers = [{f"l{index}": lost} for index in range(draw(st.integers(0, 2)))]
    return {"fork": {"branches": draw(st.permutations((*branches[:1], *losers))), "compete": True}}


@st.composite
def _try(draw: st.DrawFn, depth: int) -> dict[str, Json]:
    catch: dict[str, Json] = {}
    wanted = draw(st.sampled_from(FILTERS))
    if wanted is not None:
        catch["errors"] = {"with": wanted}
    if draw(_rarely()):
        catch[draw(st.sampled_from(("when", "exceptWhen")))] = draw(st.sampled_from(CATCH_CONDITIONS))
    if draw(st.booleans()):
        catch["do"] = draw(_lists(depth - 1))
    task: dict[str, Json] = {"try": draw(_lists(depth - 1)), "catch": catch}
    undoes = "'compensate': {" in str(task["try"]) and draw(st.booleans())
    return task | ({"metadata": {"compensate": True}} if undoes else {})


@st.composite
def _run(draw: st.DrawFn, depth: int) -> dict[str, Json]:
    workflow = {"namespace": "test", "name": "child", "input": draw(st.sampled_from(VALUES))}
    return {"run": {"workflow": workflow, "await": draw(st.booleans())}} | draw(_undone())


@st.composite
def _map(draw: st.DrawFn, depth: int) -> dict[str, Json]:
    workflow: dict[str, Json] = {"namespace": "test", "name": "child"}
    if draw(st.booleans()):
        workflow["input"] = draw(st.sampled_from((*VALUES, "${ [$item, $index, .] }")))
    given: dict[str, Json] = {"in": draw(st.sampled_from(COLLECTIONS)), "workflow": workflow}
    given |= draw(st.sampled_from(({}, {"concurrency": 1}, {"concurrency": 3})))
    given |= draw(st.sampled_from(({}, {"failure": "stop"}, {"failure": "collect"})))
    return {"call": "map", "with": given}


EXPECTED = (
    None,
    "o",
    '${ .order? // "o" }',
    '${ if .n? == 5 then null else "o" end }',
    '${ .n | if . == null then . else "o" end }',
)
"""Of events that come, which all have this order; the last fails on what has no members."""
UNTIL = ("length > 1", '${ (.[0] | type) == "string" or $context.seen? == true or length > 2 }', ".n", True)


@st.composite
def _listen(draw: st.DrawFn, depth: int) -> dict[str, Json]:
    strategy = draw(st.sampled_from(("one", "any", "any", "all")))
    correlate = draw(st.booleans())
    said = draw(st.booleans())
    events: list[dict[str, Json]] = []
    for number in range(draw(st.integers(1, 3))):
        event: dict[str, Json] = {"with": {"type": f"example.happened{number}.v1", "data": ".order != null"}}
        if correlate:
            expected = draw(st.sampled_from(EXPECTED[1:])) if said else None
            event["correlate"] = {"order": {"from": ".order"} | ({"expect": expected} if said else {})}
        events.append(event)
    if strategy == "any" and draw(_rarely()):
        events = []  # every event
    to: dict[str, Json] = {strategy: events[0] if strategy == "one" else events}
    if strategy == "any" and draw(st.booleans()):
        to["until"] = draw(st.sampled_from(UNTIL))
    return {"listen": {"to": to} | ({"read": "raw"} if draw(_rarely()) else {})}


@st.composite
def _foreach(draw: st.DrawFn, depth: int) -> dict[str, Json]:
    """What ends it depends on the events alone: those that come while tasks are under way know nothing of these."""
    task = draw(_listen(depth))
    if "until" in task["listen"]["to"]:
        task["listen"]["to"]["until"] = draw(st.sampled_from(("length > 1", True)))
    foreach: dict[str, Json] = {"item": "event", "do": draw(_lists(depth - 1))}
    if draw(st.booleans()):
        foreach["output"] = {"as": draw(st.sampled_from(("${ [$event, $index] }", "${ .n + 1 }", "${ $input }")))}
    if draw(st.booleans()):
        foreach["export"] = {"as": draw(st.sampled_from(("${ $context + {last: $output} }", "${ {seen: $index} }")))}
    return task | {"foreach": foreach}


class Kind(NamedTuple):
    """How tasks of a kind are drawn, whether there are tasks inside, and how often one is among the others."""

    drawn: Callable[[int], st.SearchStrategy[dict[str, Json]]]
    nests: bool = False
    weight: int = 1


KINDS: Mapping[str, Kind] = {
    "call": Kind(_call, weight=2),
    "do": Kind(_do, nests=True),
    "emit": Kind(_emit),
    "for": Kind(_for, nests=True),
    "foreach": Kind(_foreach, nests=True),
    "fork": Kind(_fork, nests=True),
    "listen": Kind(_listen),
    "call: map": Kind(_map),
    "call: use.functions": Kind(_own),
    "raise": Kind(_raise),
    "run": Kind(_run),
    "set": Kind(_set),
    "switch": Kind(_switch),
    "try": Kind(_try, nests=True, weight=2),
    "wait": Kind(_wait),
}
"""One row for each construct of the language."""
