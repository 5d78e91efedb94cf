"""How figures are shown: a table on the terminal, a picture beside it, and JSON for machines."""

import json
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.live import Live
from rich.table import Table

CONSOLE = Console() if sys.stdout.isatty() else Console(width=150)
PARTS = {"own": "#3b6fb6", "database": "#c97b2a", "broker": "#8a8f98"}
"""Colours that can be told apart without seeing colour well."""

MORE = ("#3b6fb6", "#5fa55a", "#c97b2a", "#a35c9a", "#8a8f98", "#444b57")


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, its parts in order, and what stands behind it."""

    label: str
    parts: Mapping[str, float]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A title with its unit, and bars on one scale that begins at zero."""

    title: str
    bars: Sequence[Bar]


class Progress:
    """One line that is kept up to date; a line now and then where no terminal is."""

    def __init__(self, console: Console = CONSOLE) -> None:
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        self._console, self._last = console, ""

    def __enter__(self) -> "Progress":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def stage(self, what: str) -> None:
        """Say what begins."""
        self._console.print(what, highlight=False)

    def show(self, line: str) -> None:
        """Say how far it is."""
        if self._live:
            self._live.update(f"  {line}")


def machine() -> dict[str, Any]:
    """What the figures were taken on, without naming it."""
    return {
        "cores": psutil.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "python": platform.python_version(),
        "system": platform.system(),
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> None:
    """Print a table; all columns but the first are numbers."""
    shown = Table(title=title, caption=caption, caption_justify="left", title_justify="left")
    for number, name in enumerate(head):
        shown.add_column(name, justify="left" if number == 0 else "right")
    for row in rows:
        shown.add_row(*(str(cell) for cell in row))
    CONSOLE.print(shown)


def write(folder: Path, name: str, figures: Mapping[str, Any], panels: Sequence[Panel]) -> None:
    """Keep figures and picture in a folder, and say where."""
    folder.mkdir(parents=True, exist_ok=True)
    data, picture = folder / f"{name}.json", folder / f"{name}.svg"
    data.write_text(json.dumps({"machine": machine(), **figures}, indent=2, ensure_ascii=False) + "\n", "utf-8")
    picture.write_text(svg(panels), "utf-8")
    CONSOLE.print(f"figures {data}\npicture {picture}", highlight=False, soft_wrap=True)


# -- the picture ------------------------------------------------------------------------------------------------------

WIDTH, LEFT, RIGHT, ROW, HEAD = 860, 250, 120, 26, 54


def svg(panels: Sequence[Panel]) -> str:
    """Horizontal bars, one panel under the other, as a picture that needs nothing else to be seen."""
    top, drawn = 0, []
    for panel in panels:
        drawn += _panel(panel, top)
        top += HEAD + ROW * len(panel.bars) + 14
    style = 'font-family="system-ui, sans-serif" font-size="13" fill="#222"'
    body = "\n".join(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}" {style}>\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _panel(panel: Panel, top: int) -> list[str]:
    most = max((sum(bar.parts.values()) for bar in panel.bars), default=0.0) or 1.0
    names = list(dict.fromkeys(name for bar in panel.bars for name in bar.parts))
    colours = {name: PARTS.get(name, MORE[n % len(MORE)]) for n, name in enumerate(names)}
    lines = [f'<text x="12" y="{top + 24}" font-size="15" font-weight="600">{escape(panel.title)}</text>']
    lines += _legend(colours, top + 42) if len(names) > 1 else []
    for number, bar in enumerate(panel.bars):
        lines += _bar(bar, top + HEAD + number * ROW, (WIDTH - LEFT - RIGHT) / most, colours)
    return lines


def _legend(colours: Mapping[str, str], y: int) -> list[str]:
    lines, x = [], 12
    for name, colour in colours.items():
        lines.append(f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{colour}"/>')
        lines.append(f'<text x="{x + 15}" y="{y}" font-size="12">{escape(name)}</text>')
        x += 32 + 7 * len(name)
    return lines


def _bar(bar: Bar, y: int, scale: float, colours: Mapping[str, str]) -> list[str]:
    lines = [f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(bar.label)}</text>']
    x = float(LEFT)
    for name, value in bar.parts.items():
        width = value * scale
        lines.append(f'<rect x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="17" fill="{colours[name]}"/>')
        x += width
    total = f"{sum(bar.parts.values()):,.0f}" if not bar.note else bar.note
    lines.append(f'<text x="{x + 6:.1f}" y="{y + 15}">{escape(total)}</text>')
    return lines
