"""What the figures are made of: process trees, stretches, pictures. Nothing is timed here."""

import multiprocessing
import time
from xml.etree import ElementTree

import pytest

from tests.bench.measure import Mark, Meter, Stretch, cpu_seconds, memory_bytes
from tests.bench.report import Bar, Panel, svg


def burn() -> None:
    ends = time.process_time() + 0.3
    while time.process_time() < ends:
        pass
    time.sleep(60)


def test_processor_time_of_a_tree_counts_its_children() -> None:
    child = multiprocessing.get_context("spawn").Process(target=burn, daemon=True)
    child.start()
    assert child.pid is not None
    try:
        for _ in range(600):
            if cpu_seconds([child.pid]) >= 0.3:
                break
            time.sleep(0.05)
        assert cpu_seconds([child.pid]) >= 0.3
        assert memory_bytes([child.pid]) > 1_000_000
    finally:
        child.kill()
        child.join()
    assert cpu_seconds([2**22 + 1]) == 0.0


def test_a_stretch_says_what_an_event_cost_of_each_part() -> None:
    meter = Meter({"own": (), "broker": ()}, lambda: 0)
    before = Mark(10.0, 1_000, {"own": 1.0, "broker": 4.0})
    after = Mark(20.0, 3_000, {"own": 1.1, "broker": 4.02})
    stretch = meter.between(before, after, share=0.5)
    assert (stretch.events, stretch.rate) == (1_000, 100.0)
    assert stretch.micros == pytest.approx({"own": 100.0, "broker": 20.0})
    assert stretch.micros_all == pytest.approx(120.0)


def test_no_events_cost_nothing() -> None:
    assert Stretch(1.0, 0, {"own": 1.0}).micros_all == 0


def test_the_picture_is_drawn_to_scale_and_readable_as_xml() -> None:
    bars = [Bar("a < b", {"own": 30.0, "broker": 10.0}), Bar("half", {"own": 20.0})]
    tree = ElementTree.fromstring(svg([Panel("CPU & more", bars)]))
    space = "{http://www.w3.org/2000/svg}"
    texts = [node.text for node in tree.iter(f"{space}text")]
    assert {"CPU & more", "a < b", "40", "20"} <= set(texts)
    widths = [float(node.get("width", 0)) for node in tree.iter(f"{space}rect") if node.get("height") == "17"]
    assert widths[0] + widths[1] == pytest.approx(2 * widths[2])


def test_a_picture_of_nothing_is_still_a_picture() -> None:
    assert ElementTree.fromstring(svg([Panel("empty", [Bar("none", {"own": 0.0})])])) is not None
