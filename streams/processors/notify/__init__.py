"""Beside the stations, notify: notices of alerts go out on the channels of the site."""

from streams.processors.escalate import ANSWERS, NOTICES
from streams.runtime.declaration import Declaration

DECLARATION = Declaration(
    name="notify",
    summary="Sends the notices of alerts.",
    worker="steps",
    make="streams.processors.notify.processor:Notify",
    reads=(NOTICES,),
    writes=(ANSWERS,),
    table="notice",
)
