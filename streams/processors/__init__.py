"""The stream processors, one package each: its declaration, which is light, beside the code that does the work.

`ALL` is the one list. A processor that stands in it is provisioned, hosted, linted, documented, measured and crashed in
tests; one that does not stand in it is not there, and a test says so.
"""

from streams.processors import (
    assign,
    call,
    correlate,
    decide,
    emit,
    escalate,
    hold,
    human,
    intake,
    letters,
    lifecycle,
    monitor,
    notify,
    orchestrate,
    plain,
    recover,
    replay,
    rolling,
    run,
    schedule,
    view,
)

ALL = (
    plain.DECLARATION,
    intake.DECLARATION,
    hold.DECLARATION,
    schedule.DECLARATION,
    orchestrate.DECLARATION,
    correlate.DECLARATION,
    decide.DECLARATION,
    call.DECLARATION,
    rolling.DECLARATION,
    emit.DECLARATION,
    human.DECLARATION,
    assign.DECLARATION,
    run.DECLARATION,
    recover.DECLARATION,
    letters.DECLARATION,
    escalate.DECLARATION,
    notify.DECLARATION,
    monitor.DECLARATION,
    replay.DECLARATION,
    view.DECLARATION,
    lifecycle.DECLARATION,
)
