"""A worker process: one or more processors, one event loop, one watchdog, one metrics port.

Whatever goes wrong unexpectedly ends the process with a non-zero code; the supervisor starts it again and it goes on
from what is committed. Nothing is retried in place that the write order does not cover.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog

from schemas.codec import Codec
from streams.ground.causes import Cause
from streams.ground.errors import ExlifyError
from streams.ground.probes import kafka_probe
from streams.ground.provision import look_at_cluster
from streams.ground.settings import Settings
from streams.runtime.clock import LOOK_S, ClockWatch
from streams.runtime.crash import CrashPoint
from streams.runtime.epochs import Superseded
from streams.runtime.garbage import look_less_often
from streams.runtime.host import Host, all_ready
from streams.runtime.parking import PARKING
from streams.runtime.processor import Processor
from streams.runtime.settings import RuntimeSettings
from streams.runtime.store import DamagedStoreError, StoreError
from streams.runtime.trial import Command
from streams.runtime.watchdog import Watchdog

EXIT_FAILED = 70
EXIT_SUPERSEDED = 76

log = structlog.get_logger()


class Worker:
    """Runs processors until it is told to stop (SIGTERM, SIGINT) or something fails."""

    def __init__(
        self, name: str, processors: Sequence[Processor], settings: Settings, codec: Codec, trial: Command | None = None
    ) -> None:
        self._trial = trial
        self._name = name
        self._processors = processors
        self._settings = settings
        self._codec = codec
        self._hosts: list[Host] = []
        declared = [each.declaration for each in processors]
        changelogs = [each.changelog for each in declared if each.changelog]
        written = {topic.name for each in declared for topic in each.writes} | {topic.name for topic in changelogs}
        self._kafka = kafka_probe(settings, written | {PARKING.name})

    @property
    def ready(self) -> bool:
        """Whether every processor has its partitions and its state."""
        return len(self._hosts) == len(self._processors) and all_ready(self._hosts)

    async def causes(self) -> list[Cause]:
        """What keeps the worker from being ready, by processor; empty where nothing does."""
        now = time.monotonic()
        hosts = {host.processor: host for host in self._hosts}
        needed = await asyncio.gather(self._kafka.causes(), *(each.causes() for each in self._processors))
        causes = [cause for found in needed for cause in found]
        for each in self._processors:
            reasons = hosts[each].causes(now) if each in hosts else ["starts"]
            causes += [Cause(each.declaration.name, reason) for reason in reasons]
        return causes

    async def run(self, on_started: Callable[[], None] = lambda: None) -> None:
        """Returns after an orderly stop; a failure ends the process with `os._exit`, so that nothing half done is
        tidied up."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        try:
            stall_ms = self._settings.of(RuntimeSettings).stall_timeout_ms
            watchdog = asyncio.create_task(Watchdog(stall_ms, self._stalled).run())
            clock = asyncio.create_task(self._watch_clock())
            await self._start_unless(stop)
            look_less_often()
            on_started()
            await self._wait(stop)
            await asyncio.gather(*(host.stop() for host in self._hosts))
            watchdog.cancel()
            clock.cancel()
        except ExlifyError as error:
            if not self._hosts:
                raise
            log.error("cannot go on", worker=self._name, reason=str(error))
            _exit(error.exit_code)
        except Superseded as error:
            log.warning("superseded", worker=self._name, reason=str(error))
            _exit(EXIT_SUPERSEDED)
        except DamagedStoreError as error:
            log.warning("store damaged; it is made anew at the next start", worker=self._name, reason=str(error))
            _exit(EXIT_FAILED)
        except StoreError as error:
            log.error("local state cannot be used", worker=self._name, reason=str(error))
            _exit(EXIT_FAILED)
        except Exception:  # the edge: anything unexpected ends the process at once
            log.exception("failed", worker=self._name)
            _exit(EXIT_FAILED)

    async def _start_unless(self, stop: asyncio.Event) -> None:
        """To start may mean to wait for others, for as long as they are away."""
        starting: asyncio.Future[None] = asyncio.create_task(self._start())
        stopping: asyncio.Future[Any] = asyncio.create_task(stop.wait())
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not starting.done():
            log.info("stopped at the start", worker=self._name)
            _exit(0)
        await starting

    async def _start(self) -> None:
        crash = CrashPoint(self._settings.of(RuntimeSettings).crash_at)
        state_dir = self._settings.data_dir / "state" / self._name / await asyncio.to_thread(self._cluster_id)
        self._hosts = [
            Host(each, self._settings, self._codec, Path(state_dir), crash, self._trial_of(each))
            for each in self._processors
        ]
        await asyncio.gather(*(host.start() for host in self._hosts))

    def _trial_of(self, processor: Processor) -> Sequence[str] | None:
        return None if self._trial is None else self._trial(processor.declaration.name)

    async def _watch_clock(self) -> None:
        watch = ClockWatch()
        while True:
            await asyncio.sleep(LOOK_S)
            step_ms = watch.step_ms()
            if step_ms:
                log.warning("clock stepped", worker=self._name, seconds=step_ms / 1_000)
                for host in self._hosts:
                    host.look_at_clock()

    def _cluster_id(self) -> str:
        """Local state belongs to one cluster: a store of another would be taken for a copy of this one's changelog."""
        declared = (each.declaration.topics(self._settings) for each in self._processors)
        return look_at_cluster(self._settings, (topic for topics in declared for topic in topics))

    async def _wait(self, stop: asyncio.Event) -> None:
        failures: list[asyncio.Future[Any]] = [host.failed for host in self._hosts]
        stopping: asyncio.Future[Any] = asyncio.create_task(stop.wait())
        await asyncio.wait([stopping, *failures], return_when=asyncio.FIRST_COMPLETED)
        for failure in failures:
            if failure.done():
                failure.result()

    def _stalled(self, since: float) -> str | None:
        return next((reason for host in self._hosts if (reason := host.stalled(since))), None)


def _exit(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
