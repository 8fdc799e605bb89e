"""Metering: the metrics of one server and of its siblings, whichever is asked.

Each process says what it knows of itself. The values of several are told apart by the
label ``worker``: those of a process that has ended go with it, so that no sum of
counters goes backwards.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

import orjson

from sockio import build
from sockio.adapters.packages import needed
from sockio.engine.http.request import Request
from sockio.runtime import logs
from sockio.runtime.reactor import Reactor
from sockio.siblings.siblings import Siblings
from sockio.siblings.survey import Survey
from sockio.socket.options import Metrics
from sockio.socket.server.pages import Answer, Page

from .sample import Sampler

__all__ = ["Metering", "check_package"]

log = logs.get("server")

#: The kind of the links on which siblings ask each other; a release whose answers mean
#: something else has another one.
KIND = "metrics/1"
#: Seconds that siblings have for their answers.
PATIENCE = 2.0


def check_package() -> None:
    """Check that the text for Prometheus can be written.

    Raises:
        ConfigError: A package is missing; the text says how to install it.
    """
    with needed(
        "prometheus-client",
        by="a page for Prometheus",
        extra="metrics",
        modules=("prometheus_client",),
    ):
        import_module("prometheus_client")


class Metering:
    """What a server tells Prometheus."""

    def __init__(
        self, options: Metrics, sampler: Sampler, is_ready: Callable[[], bool]
    ) -> None:
        """Tell what ``sampler`` sees.

        Args:
            options: The server's.
            sampler: Looks at the server.
            is_ready: Whether new clients may come.
        """
        self._options = options
        self._sampler = sampler
        self._is_ready = is_ready
        self._survey: Survey | None = None
        #: The page for Prometheus.
        self.page = Page(self._answer)

    def meet(self, siblings: Siblings, reactor: Reactor) -> None:
        """Speak for these processes, too, and answer them."""
        self._survey = Survey(siblings, reactor, KIND, self._say, seconds=PATIENCE)

    def close(self) -> None:
        """Answer no sibling any more."""
        if self._survey is not None:
            self._survey.close()

    def _said(self) -> dict[str, Any]:
        """Return what this process says of itself; may block."""
        return {
            "reading": self._sampler.look(ready=self._is_ready()),
            "buckets": self._options.buckets,
            "info": {
                "pid": str(os.getpid()),
                "version": build.VERSION,
                "compiled": str(build.is_compiled("runtime.meter")).lower(),
            },
        }

    def _say(self) -> bytes:
        return orjson.dumps(self._said())

    def _answer(self, request: Request) -> Answer:
        from .text import Told, write

        survey, silent = self._survey, None
        if survey is None:
            processes = [Told(self._said(), None)]
        else:
            answers = survey.ask()
            silent = answers.silent
            said = {tag: orjson.loads(one) for tag, one in answers.by_tag.items()}
            said[survey.tag] = self._said()
            processes = [Told(said[tag], tag) for tag in sorted(said)]
        content_type, text = write(processes, silent, request.header("accept") or "")
        return Answer(200, content_type, text)
