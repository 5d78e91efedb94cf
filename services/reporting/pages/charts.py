"""Charts as figures of plotly, built from figures of the domain. Colours are names of the style sheet's tokens.

A chart's title is the heading above it, its numbers are the table below it; here is only the drawing.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from services.reporting.domain.figures import (
    AgencyFigures,
    Flow,
    Move,
    PromiseFigures,
    RiskDay,
    Rung,
    StepFigures,
    Tally,
)
from services.reporting.domain.positions import BUCKETS

Chart = dict[str, Any]
Word = Callable[[str], str]
SERIES = tuple(f"var(--series-{n})" for n in range(1, 7))
DASHES = ("solid", "dash", "dot", "dashdot")
"""Lines differ in dash as well as in colour."""


def _layout(**more: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "var(--ink)", "family": "var(--font)", "size": 13},
        "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        "hovermode": "closest",
        "height": 320,
    }
    return {**base, **more}


def _axis(title: str = "", **more: Any) -> dict[str, Any]:
    return {
        "title": {"text": title, "standoff": 8},
        "gridcolor": "var(--line)",
        "linecolor": "var(--line-strong)",
        "zerolinecolor": "var(--line-strong)",
        "automargin": True,
        **more,
    }


TICKS = 8
"""So many days are named below a line, at most."""


def at_risk(series: Sequence[RiskDay], currency: str, word: Word) -> Chart:
    """What was past due day by day: a line for all and one for each bucket."""
    days = [day.day.isoformat() for day in series]
    lines = [_line(word("total"), days, [float(day.total) for day in series], 0, width=3)]
    for number, bucket in enumerate(BUCKETS[1:], 1):
        amounts = [float(day.by_bucket[bucket]) for day in series]
        if any(amounts):
            lines.append(_line(bucket, days, amounts, number))
    step = -(-len(days) // TICKS)  # a tick names a day, never an hour of one
    layout = _layout(
        xaxis=_axis("", type="date", tickvals=days[::step], tickformat="%m-%d\n%Y", hoverformat="%Y-%m-%d"),
        yaxis=_axis(currency, rangemode="tozero", tickformat="~s"),
    )
    return {"data": lines, "layout": {**layout, "hovermode": "x unified"}}


def _line(name: str, days: Sequence[str], amounts: Sequence[float], number: int, width: int = 2) -> dict[str, Any]:
    dash = DASHES[number % len(DASHES)]
    return {
        "type": "scatter",
        "mode": "lines" if len(days) > 1 else "markers",
        "name": name,
        "x": list(days),
        "y": list(amounts),
        "line": {"color": SERIES[number], "width": width, "dash": dash},
        "hovertemplate": "%{y:,.2f}",
    }


def stage_word(name: str) -> str:
    """The word for a stage: `open` as a stage is another word than `open` as the state of a case."""
    return {"open": "stage.open", "still:open": "still:stage.open"}.get(name, name)


STAGE_COLOUR = {"start": SERIES[4], "still": SERIES[2], "out": SERIES[0]}


def flow(flows: Sequence[Flow], word: Word) -> Chart:
    """Cases from stage to stage and out, as a Sankey; the way back is left to the table."""
    forward = [f for f in flows if _rank(f.after) > _rank(f.before)]
    names = sorted({f.before for f in forward} | {f.after for f in forward}, key=lambda n: (_rank(n), n))
    place = {name: number for number, name in enumerate(names)}
    height = max(320, 26 * sum(":" in name for name in names) + 120)
    spots = _spots(names, forward, PAD / (height - 16))
    node = {
        "label": [word(stage_word(name)) for name in names],
        "color": [STAGE_COLOUR.get(name.split(":")[0], SERIES[1]) for name in names],
        "x": [spots[name][0] for name in names],
        "y": [spots[name][1] for name in names],
        "pad": PAD,
        "thickness": 14,
        "line": {"width": 0},
    }
    link = {
        "source": [place[f.before] for f in forward],
        "target": [place[f.after] for f in forward],
        "value": [f.cases for f in forward],
        "color": "rgba(128,140,134,.35)",
    }
    return {
        "data": [{"type": "sankey", "node": node, "link": link, "valueformat": ",d", "arrangement": "snap"}],
        "layout": _layout(height=height),
    }


_AT = {
    "start": (0.001, 0.45),
    "open": (0.12, 0.5),
    "noticed": (0.26, 0.4),
    "placed": (0.4, 0.42),
    "in_field": (0.52, 0.45),
    "refused": (0.63, 0.3),
    "unreachable": (0.63, 0.48),
    "agreed": (0.63, 0.66),
    "legal": (0.74, 0.45),
}
"""Where the stages stand, as shares of width and height: the last one far enough from the ends that names are apart."""


PAD = 14
"""Pixels between two ends of the flow: room for the name of one."""


def _spots(names: Sequence[str], flows: Sequence[Flow], gap: float) -> dict[str, tuple[float, float]]:
    """Where each node stands: stages in their places, ends below each other, each as high as it has cases.

    gap: between two ends, as a share of the height.
    """
    came = {name: sum(f.cases for f in flows if f.after == name) for name in names if name not in _AT}
    spots, above = dict(_AT), 0.0
    unit = max(1 - gap * (len(came) - 1), 0.1) / max(sum(came.values()), 1)
    for name in sorted(came, key=lambda n: (n.startswith("still:"), -came[n], n)):
        spots[name] = (0.999, max(above + came[name] * unit / 2, 0.001))
        above += came[name] * unit + gap
    return spots


_STAGES = ("start", "open", "noticed", "placed", "in_field", "agreed", "refused", "unreachable", "legal")


def _rank(name: str) -> int:
    return _STAGES.index(name) if name in _STAGES else len(_STAGES)


def bars(names: Sequence[str], values: Sequence[float | None], title: str, *, percent: bool = False) -> Chart:
    """Quantities side by side, as lying bars, first on top, each with its number."""
    trace = {
        "type": "bar",
        "orientation": "h",
        "y": list(names),
        "x": list(values),
        "marker": {"color": SERIES[0]},
        "texttemplate": "%{x:.0%}" if percent else "%{x:,}",
        "textposition": "outside",
        "cliponaxis": False,
        "hovertemplate": "%{y}: %{x}<extra></extra>",
    }
    layout = _layout(
        height=60 + 34 * max(len(names), 2),
        yaxis=_axis(autorange="reversed", showgrid=False),
        xaxis=_axis(title, rangemode="tozero", tickformat=".0%" if percent else ",d"),
        margin={"l": 8, "r": 64, "t": 8, "b": 8},
    )
    return {"data": [trace], "layout": layout}


def funnel(rungs: Sequence[Rung], word: Word) -> Chart:
    """How far borrowers came."""
    return bars([word(rung.name) for rung in rungs], [rung.borrowers for rung in rungs], word("borrowers"))


def _pattern(number: int) -> dict[str, Any]:
    """Bars differ in pattern as well as in colour."""
    over = {"size": 7, "solidity": 0.25, "fillmode": "overlay", "fgcolor": "var(--surface)", "fgopacity": 0.6}
    return {"color": SERIES[number], "pattern": {"shape": ("", "/", "x", ".")[number % 4], **over}}


def grouped(names: Sequence[str], groups: Mapping[str, Sequence[float]], title: str, *, percent: bool = False) -> Chart:
    """Several quantities of the same things, side by side."""
    traces = [
        {
            "type": "bar",
            "name": name,
            "x": list(names),
            "y": list(values),
            "marker": _pattern(n),
        }
        for n, (name, values) in enumerate(groups.items())
    ]
    yaxis = _axis(title, rangemode="tozero", tickformat=".0%" if percent else ",d")
    return {"data": traces, "layout": _layout(barmode="group", xaxis=_axis(showgrid=False), yaxis=yaxis)}


def shares(agencies: Sequence[AgencyFigures], word: Word) -> Chart:
    """Share of placements beside the share that was agreed."""
    panel = [a for a in agencies if not a.in_house]
    given = [float(a.share or 0) for a in panel]
    agreed = [a.target_share / 100 for a in panel]
    return grouped(
        [a.name for a in panel], {word("share"): given, word("target"): agreed}, word("of_placements"), percent=True
    )


def steps(figures: Sequence[StepFigures], word: Word) -> Chart:
    """What became of the notices of each step."""
    shown = [s for s in figures if s.sent or s.allowed]
    groups = {
        word(name): [float(getattr(s, name)) for s in shown] for name in ("sent", "delivered", "failed", "answered")
    }
    return grouped([word(s.step) for s in shown], groups, word("notices"))


def kept(figures: Sequence[PromiseFigures], word: Word) -> Chart:
    """How promises ended, by the way they were made."""
    outcomes = ("kept", "partly_kept", "broken", "open")
    names = [f"{word(f.via)} {f.currency}" for f in figures]
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": word(outcome),
            "y": names,
            "x": [getattr(f, outcome) for f in figures],
            "marker": _pattern(n),
            "hovertemplate": "%{x:,}",
        }
        for n, outcome in enumerate(outcomes)
    ]
    layout = _layout(
        barmode="stack",
        height=130 + 44 * len(names),
        yaxis=_axis(autorange="reversed", showgrid=False),
        xaxis=_axis(word("promises"), tickformat=",d"),
    )
    return {"data": traces, "layout": layout}


def heat(
    xs: Sequence[str], ys: Sequence[str], cells: Mapping[tuple[str, str], float], words: tuple[str, str], form: str
) -> Chart:
    """A table of quantities as colours with the number in each cell. words: names of the axes."""
    values = [[cells.get((x, y)) for x in xs] for y in ys]
    trace = {
        "type": "heatmap",
        "x": list(xs),
        "y": list(ys),
        "z": values,
        "texttemplate": f"%{{z:{form}}}",
        "colorscale": [[0, "var(--accent-ground)"], [1, "var(--series-1)"]],
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "hovertemplate": f"%{{y}} → %{{x}}: %{{z:{form}}}<extra></extra>",
        "hoverongaps": False,
    }
    layout = _layout(
        height=110 + 32 * max(len(ys), 2),
        xaxis=_axis(words[0], type="category", showgrid=False),
        yaxis=_axis(words[1], type="category", autorange="reversed", showgrid=False),
    )
    return {"data": [trace], "layout": layout}


def roll(moves: Sequence[Move], word: Word) -> Chart:
    """Where the loans of each bucket went, as shares of the bucket."""
    befores = sorted({m.before for m in moves if m.before.startswith("M")})
    afters = [name for name in ("closed", *BUCKETS, "charged_off") if any(m.after == name for m in moves)]
    whole = {b: sum(m.loans for m in moves if m.before == b) for b in befores}
    cells = {(word(m.after), word(m.before)): m.loans / whole[m.before] for m in moves if m.before in whole}
    return heat([word(a) for a in afters], [word(b) for b in befores], cells, (word("after"), word("before")), ".0%")


def reasons(endings: Sequence[Tally], word: Word) -> Chart:
    """Why borrowers had not paid, by what the visit ended as."""
    with_reason = [t for t in endings if t.second and t.word != "cancelled"]
    xs = sorted({word(t.second) for t in with_reason})
    ys = list(dict.fromkeys(word(t.word) for t in with_reason))
    cells = {(word(t.second), word(t.word)): float(t.count) for t in with_reason}
    return heat(xs, ys, cells, (word("reason_for_default"), word("disposition")), ",d")


def totals(tallies: Sequence[Tally]) -> dict[str, int]:
    """Counts by the first word, the largest first."""
    counts: dict[str, int] = {}
    for tally in tallies:
        counts[tally.word] = counts.get(tally.word, 0) + tally.count
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def number(value: Decimal | None) -> float | None:
    """A rate as plotly wants it."""
    return None if value is None else float(value)
