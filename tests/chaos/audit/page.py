"""The report as one HTML page that needs nothing else: what was done, what was found, how long it took to recover."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from tests.chaos.audit.findings import KINDS, MEANING

Report = Mapping[str, Any]
WIDTH, HEIGHT = 960, 180
COLOURS = {"notifier": "#2563a8", "assignment": "#b4531d", "visits": "#2f7d4f", "reporting": "#7a4aa0"}
STYLE = """
:root{color-scheme:light}
body{font:15px/1.5 system-ui,sans-serif;color:#1c2430;background:#fff;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin:0 0 .25rem} h2{font-size:1.1rem;margin:2rem 0 .5rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d9dee6;vertical-align:top}
th{font-weight:600;background:#f4f6f9} td.n,th.n{text-align:right}
.good{color:#1d6b3a} .bad{color:#a61b1b;font-weight:600} .muted{color:#5b6676}
.verdict{font-size:1.2rem;padding:.75rem 1rem;border-left:.4rem solid;background:#f4f6f9;margin:1rem 0}
.verdict.good{border-color:#1d6b3a} .verdict.bad{border-color:#a61b1b}
code{font-size:.9em;overflow-wrap:anywhere} svg{width:100%;height:auto;background:#f9fafc;border:1px solid #d9dee6}
@media print{body{margin:0;max-width:none}}
"""


def page(report: Report) -> str:
    """The whole page."""
    plan = report["plan"]
    parts = [
        f"<h1>Chaos run, seed {plan['seed']}</h1>",
        f"<p class=muted>{_when(report['begun'])} to {_when(report['ended'])} · {report['inputs']:,} inputs, "
        f"{report['records']:,} records on the intake, {report['events_said']:,} events said by the services · "
        f"audited in {report['audit_seconds']} s by a program that shares no code with them</p>",
        _verdict(report),
        _found(report),
        _too_little(report["too_little"]),
        _faults(report),
        _windows(report),
        _unseen(report),
        _recoveries(report),
        _looked(report),
        _steps(report),
        _examples(report["examples"]),
    ]
    body = "\n".join(part for part in parts if part)
    head = (
        f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>Chaos run</title><style>{STYLE}"
    )
    return f"<!doctype html><html lang=en><head>{head}</style></head><body>{body}</body></html>\n"


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _verdict(report: Report) -> str:
    good = report["passed"]
    text = "Every input took effect exactly once." if good else "This run does not prove what it should."
    return f"<p class='verdict {'good' if good else 'bad'}'>{text}</p>"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[int] = ()) -> str:
    classes = ["n" if n in numbers else "" for n in range(len(head))]
    top = "".join(f"<th class='{c}'>{escape(h)}</th>" for h, c in zip(head, classes, strict=True))
    lines = ("".join(f"<td class='{c}'>{cell}</td>" for cell, c in zip(row, classes, strict=True)) for row in rows)
    return f"<table><tr>{top}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _found(report: Report) -> str:
    rows = [
        (
            kind,
            f"<span class='{'bad' if report['found'][kind] else 'good'}'>{report['found'][kind]:,}</span>",
            MEANING[kind],
        )
        for kind in KINDS
    ]
    return "<h2>What was found</h2>" + _table(("", "count", "meaning"), rows, (1,))


def _too_little(reasons: Sequence[str]) -> str:
    if not reasons:
        return ""
    return "<h2>Too little happened</h2><ul>" + "".join(f"<li class=bad>{escape(r)}</li>" for r in reasons) + "</ul>"


def _faults(report: Report) -> str:
    rows = [
        (escape(fault), sum(where.values()), escape(", ".join(f"{name} {n}" for name, n in sorted(where.items()))))
        for fault, where in sorted(report["faults"].items())
    ]
    skipped = "".join(f"<p class=muted>Left out: {escape(why)}</p>" for why in report["skipped"])
    counts = report["evidence"]
    told = ", ".join(f"{escape(name)} {count:,}" for name, count in counts.items())
    where = _table(("fault", "times", "where"), rows, (1,))
    return f"<h2>Where the faults landed</h2>{where}{skipped}<p>Evidence: {told}.</p>"


def _windows(report: Report) -> str:
    hits = report["windows"]
    rows = [(escape(name), hits.get(name, 0)) for name in report["plan"]["windows"]]
    return "<h2>Named windows hit</h2>" + _table(("window", "times"), rows, (1,)) if rows else ""


def _unseen(report: Report) -> str:
    samples = report["unseen"]
    if not samples:
        return ""
    first, last = samples[0]["at"], samples[-1]["at"]
    top = max(1, *(n for sample in samples for n in sample["unseen"].values()))

    def place(at: float, count: float) -> str:
        return f"{(at - first) / max(1e-9, last - first) * WIDTH:.1f},{HEIGHT - 8 - count / top * (HEIGHT - 16):.1f}"

    lines = "".join(
        f"<polyline fill='none' stroke='{colour}' stroke-width='1.5' "
        f"points='{' '.join(place(s['at'], s['unseen'].get(name, 0)) for s in samples)}'/>"
        for name, colour in COLOURS.items()
    )
    marks = "".join(
        f"<line x1='{x}' x2='{x}' y1='0' y2='{HEIGHT}' stroke='#c9ced8' stroke-width='1'/>"
        for x in (f"{(step['at'] - first) / max(1e-9, last - first) * WIDTH:.1f}" for step in report["steps"])
    )
    named = " · ".join(f"<span style='color:{colour}'>{name}</span>" for name, colour in COLOURS.items())
    return (
        f"<h2>On the logs and not yet applied</h2>"
        f"<p class=muted>at most {top:,}, at the end 0 · grey: faults · {named}</p>"
        f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' role=img aria-label='records not yet applied'>{marks}{lines}</svg>"
    )


def _recoveries(report: Report) -> str:
    waits = report["recovery_seconds"]
    if not waits:
        return ""
    middle, worst = waits[len(waits) // 2], waits[-1]
    return (
        f"<h2>Recovery</h2><p>From a kill to the first batch of a new owner: median {middle:.1f} s, "
        f"worst {worst:.1f} s, over {len(waits)} kills.</p>"
    )


def _looked(report: Report) -> str:
    rows = [(escape(check), f"{count:,}") for check, count in sorted(report["looked_at"].items())]
    return "<h2>What the auditor looked at</h2>" + _table(("check", "things"), rows, (1,))


def _steps(report: Report) -> str:
    rows = [
        (
            s["number"],
            f"{s['at'] - report['begun']:.0f}",
            escape(s["fault"]),
            escape(s["service"]),
            escape(str(s["how"])),
            escape(s["told"]),
        )
        for s in report["steps"]
    ]
    head = ("no.", "second", "fault", "service", "how", "what came of it")
    return "<h2>The faults in order</h2>" + _table(head, rows, (0, 1))


def _examples(examples: Mapping[str, Sequence[Mapping[str, object]]]) -> str:
    rows = [
        (kind, escape(str(one["check"])), f"<code>{escape(str({k: v for k, v in one.items() if k != 'check'}))}</code>")
        for kind, found in examples.items()
        for one in found
    ]
    return "<h2>Examples</h2>" + _table(("", "check", "what"), rows) if rows else ""
