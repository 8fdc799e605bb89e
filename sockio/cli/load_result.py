"""Load result: what a load has measured, as text and as JSON."""

from __future__ import annotations

import json
from typing import Any

from .latencies import Latencies
from .load import Load
from .telling import plain

__all__ = ["as_json", "as_rows", "failed"]

_PERCENTILES = (50, 90, 99)
#: The share of one processor from which this program, and not the server, may be what
#: limits the figures.
_BUSY = 0.9


def failed(load: Load) -> bool:
    """Whether anything went wrong."""
    return bool(load.tally.failures)


def share(load: Load) -> float:
    """Return how much of one processor this program has used while it sent."""
    return load.cpu / load.seconds if load.seconds else 0.0


def as_json(load: Load, *, interrupted: bool) -> str:
    """Return one object; all times are in seconds."""
    tally, plan = load.tally, load.plan
    seconds = load.seconds
    document = {
        "clients": {
            "asked": plan.clients,
            "connected": tally.connecting.count,
            "transports": dict(load.transports),
            "seconds": round(load.connecting, 6),
        },
        "connecting": _figures(tally.connecting),
        "seconds": round(seconds, 6),
        "sent": tally.sent,
        "owed": tally.owed,
        "answered": tally.answering.count,
        "answered_per_second": _per_second(load),
        "answering": _figures(tally.answering),
        "late": None if plan.rate is None else _figures(tally.late),
        "bytes": {"sent": load.bytes_out, "received": load.bytes_in},
        "errors": dict(tally.failures),
        "cpu": round(share(load), 3),
        "limited_by_this_program": share(load) >= _BUSY,
        "interrupted": interrupted,
    }
    return json.dumps(document, indent=2) + "\n"


def _figures(latencies: Latencies) -> dict[str, float]:
    found = {f"p{each}": latencies.percentile(each) for each in _PERCENTILES}
    found |= {"max": latencies.most, "mean": latencies.mean}
    return {name: round(seconds, 6) for name, seconds in found.items()}


def _per_second(load: Load) -> float:
    if not load.seconds:
        return 0.0
    return round(load.tally.answering.count / load.seconds, 1)


def as_rows(load: Load, *, interrupted: bool) -> list[tuple[str, str]]:
    """Return lines for people, each behind what it is: "ok", "warning" or "error"."""
    tally = load.tally
    rows = [("ok", _row("connected", _connected(load)))]
    rows.append(("ok", _row("connecting", _spread(tally.connecting))))
    what = "pongs" if load.plan.event is None else "answers"
    if load.plan.heard is not None:
        what = "heard"
    if load.seconds:
        rate = f"{_per_second(load):,.1f} a second"
        count = f"{tally.answering.count:,} of {tally.owed:,}"
        rows.append(("ok", _row(what, f"{count} in {load.seconds:.1f} s, {rate}")))
        rows.append(("ok", _row("", _spread(tally.answering))))
    if load.plan.rate is not None and tally.late.count:
        rows.append(("ok", _row("sent late", _spread(tally.late))))
    size = f"{load.bytes_out:,} sent, {load.bytes_in:,} received"
    rows.append(("ok", _row("bytes", size)))
    total = tally.failures.total()
    rows.append(("error" if total else "ok", _row("errors", f"{total:,}")))
    rows += [
        ("error", _row("", f"{count:,}  {plain(why)}"))
        for why, count in tally.failures.most_common()
    ]
    return rows + [("warning", line) for line in _remarks(load, interrupted)]


def _remarks(load: Load, interrupted: bool) -> list[str]:
    lines = []
    tally, plan = load.tally, load.plan
    if interrupted:
        lines.append("interrupted: these are the figures up to then")
    if plan.event is not None and tally.owed and not tally.answering.count:
        name = plain(plan.event[0])
        if plan.heard is None:
            lines.append(f"nothing was answered: does a listener acknowledge {name}?")
        else:
            heard = plain(plan.heard)
            lines.append(f"nobody heard {heard}: does the server emit it on {name}?")
    if load.seconds and not interrupted and load.seconds < plan.duration:
        lines.append(f"all connections have ended after {load.seconds:.1f} s")
    if share(load) >= _BUSY:
        lines.append(
            f"this program was at its limit ({share(load):.0%} of one processor): the "
            "server may do more; start several of these, or give a --rate"
        )
    return lines


def _connected(load: Load) -> str:
    over = ", ".join(f"{n:,} over {name}" for name, n in load.transports.items())
    count = f"{load.tally.connecting.count:,} of {load.plan.clients:,} clients"
    return f"{count} in {load.connecting:.1f} s" + (f": {over}" if over else "")


def _spread(latencies: Latencies) -> str:
    if not latencies.count:
        return "-"
    figures = [(f"p{each}", latencies.percentile(each)) for each in _PERCENTILES]
    figures.append(("max", latencies.most))
    return "  ".join(f"{name} {_milliseconds(value)}" for name, value in figures)


def _milliseconds(seconds: float) -> str:
    value = seconds * 1000
    return f"{value:,.2f} ms" if value < 10 else f"{value:,.0f} ms"


def _row(name: str, text: Any) -> str:
    return f"{name:12}{text}"
