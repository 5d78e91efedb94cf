"""What was agreed, answered and chosen is shown on the borrower's page, and a choice can be taken back there."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import Engine

from schemas.cases import (
    DisputeResolved,
    HardshipGranted,
    HardshipRejected,
    HoldPlaced,
    Instalment,
    PlanAccepted,
    PlanRejected,
    PromiseMade,
)
from schemas.contacts import ConsentGiven, ContactStopRequested
from services.kit.bench import Bench
from tests.notifier.edge import MORNING, settings
from tests.notifier.reading import reader, reminded

pytestmark = pytest.mark.stack
CASE = {"case_id": "C-B-1-1", "borrower_id": "B-1"}
OF_LOAN = {**CASE, "loan_ids": ("L-B-1",), "currency": "CNY"}
TODAY = MORNING.date()


@pytest.fixture
def bench(engine: Engine) -> Bench[Any, Any]:
    return reminded(engine)


@pytest.fixture
def client(bench: Bench[Any, Any]) -> AsyncClient:
    return reader(bench)


def link() -> str:
    return "/n/" + settings().links().sign("n", "N-B-1-1", MORNING + timedelta(days=60))


async def pages(client: AsyncClient) -> tuple[str, str]:
    """In Chinese and in English. Each is asked for: a language that was chosen stays chosen."""
    return (await client.get(link() + "?lang=zh-CN")).text, (await client.get(link() + "?lang=en")).text


async def test_a_promise_is_shown_with_its_day_and_amount(client: AsyncClient, bench: Bench[Any, Any]) -> None:
    due, amount = TODAY + timedelta(days=5), Decimal("60.00")
    made = {"made_at": MORNING, "via": "notice", "grace_days": 3, "threshold_percent": 90}
    bench.deliver(
        PromiseMade(**OF_LOAN, promise_id="PR-B-1-1", amount=amount, due_on=due, **made),
        HoldPlaced(**CASE, hold_id="H-B-1-1", reason="promise", placed_at=MORNING),
    )
    chinese, english = await pages(client)
    assert "您约定最迟于2026年3月9日还款 ¥60.00" in chinese
    assert re.search(r"You have promised \S*60\.00 by 9 March 2026", english)
    assert "您已约定还款日期" not in chinese


async def test_a_plan_is_shown_with_its_days_and_amounts(client: AsyncClient, bench: Bench[Any, Any]) -> None:
    amounts = (Decimal("50.76"), Decimal("50.74"))
    parts = tuple(Instalment(due_on=TODAY + timedelta(days=3 + 7 * n), amount=a) for n, a in enumerate(amounts))
    bench.deliver(PlanAccepted(**OF_LOAN, plan_id="PL-B-1-1", instalments=parts, accepted_at=MORNING))
    chinese, english = await pages(client)
    for part in ("分期计划已确认", "2026年3月7日", "¥50.76", "2026年3月14日", "¥50.74"):
        assert part in chinese
    assert "Your payment plan is agreed" in english


@pytest.mark.parametrize(
    ("reason", "chinese", "english"),
    [
        ("2 to 12 instalments can be agreed", "可分 2 至 12 期", "2 to 12 instalments can be agreed"),
        ("arrears of 101.50 are not above 200.00", "欠款高于 ¥200.00 才能分期", "only above CN¥200.00"),
        ("a plan is being performed already", "已有分期计划", "is being kept already"),
    ],
)
async def test_a_plan_that_was_refused_says_why(
    client: AsyncClient, bench: Bench[Any, Any], reason: str, chinese: str, english: str
) -> None:
    bench.deliver(PlanRejected(**OF_LOAN, plan_id="PL-B-1-1", reason=reason, rejected_at=MORNING))
    in_chinese, in_english = await pages(client)
    assert chinese in in_chinese
    assert "无法同意您申请的分期" in in_chinese
    assert english in in_english
    assert "您仍可约定还款日期" in in_chinese


@pytest.mark.parametrize(
    ("upheld", "reason", "words"),
    [
        (False, "officer-7: 合同与流水一致", ("金额不变", "理由：合同与流水一致")),
        (True, "by rule: the lender's records do not prove the debt", ("您是对的", "不能证明该债务")),
    ],
)
async def test_a_dispute_is_answered_with_its_reason_and_without_the_officers_name(
    client: AsyncClient, bench: Bench[Any, Any], upheld: bool, reason: str, words: tuple[str, ...]
) -> None:
    await client.post(link(), data={"answer": "dispute"})
    ids = {**CASE, "dispute_id": "D-B-1-1"}
    bench.deliver(DisputeResolved(**ids, upheld=upheld, reason=reason, resolved_at=MORNING))
    chinese, _ = await pages(client)
    for part in words:
        assert part in chinese
    assert "officer-7" not in chinese
    assert "我们正在核实" not in chinese


@pytest.mark.parametrize(
    ("reason", "foreign", "asks"),
    [
        ("合同与流水一致", '<span lang="zh-CN">合同与流水一致</span>', "written in Chinese"),
        ("the contract is signed", '<span lang="en">the contract is signed</span>', "以英文写成"),
    ],
)
async def test_an_officers_reason_in_the_other_language_says_so_and_whom_to_ask(
    client: AsyncClient, bench: Bench[Any, Any], reason: str, foreign: str, asks: str
) -> None:
    await client.post(link(), data={"answer": "dispute"})
    bench.deliver(
        DisputeResolved(**CASE, dispute_id="D-B-1-1", upheld=False, reason=f"officer-7: {reason}", resolved_at=MORNING)
    )
    chinese, english = await pages(client)
    plain, other = (chinese, english) if "Chinese" in asks else (english, chinese)
    assert foreign in other
    assert asks in other
    assert reason in plain
    assert not re.search("<span lang|written in Chinese|以英文写成", plain)


async def test_relief_is_shown_with_its_end_and_nobody_is_looking_any_more(
    client: AsyncClient, bench: Bench[Any, Any]
) -> None:
    await client.post(link(), data={"answer": "hardship", "hardship": "illness"})
    assert "正在研究可行的办法" in (await client.get(link())).text
    ids, until = {**CASE, "hardship_id": "HD-B-1-1"}, TODAY + timedelta(days=90)
    bench.deliver(HardshipGranted(**ids, relief="pause", until=until, reason="illness", granted_at=MORNING))
    chinese, english = await pages(client)
    assert "正在研究" not in chinese.partition("您现在可以")[0]
    assert "暂停催收。有效至2026年6月2日。" in chinese
    assert "This holds until 2 June 2026." in english


def ticked(page: str) -> set[str]:
    return set(re.findall(r'name="channels" value="(\w+)" checked', page))


async def test_stopped_channels_are_shown_ticked_and_a_tick_taken_away_opens_the_channel(
    client: AsyncClient, bench: Bench[Any, Any]
) -> None:
    form = {"answer": "stop_request", "only": "true"}
    await client.post(link(), data={**form, "channels": ["sms", "visit"]})
    bench.clock.instant += timedelta(minutes=1)
    chinese, english = await pages(client)
    assert ticked(chinese) == {"sms", "visit"}
    assert "短信、上门" in chinese
    assert "Text message, Visit" in english
    assert set(re.findall(r'name="was" value="(\w+)"', chinese)) == {"sms", "visit"}
    saved = await client.post(link(), data={**form, "channels": ["visit"], "was": ["sms", "visit"]})
    bench.clock.instant += timedelta(minutes=1)
    assert saved.status_code == 303
    assert ticked((await pages(client))[0]) == {"visit"}
    assert [given.channel for given in bench.said_of(ConsentGiven)] == ["sms"]
    assert [asked.channels for asked in bench.said_of(ContactStopRequested)] == [("sms", "visit")]


async def test_the_last_tick_can_be_taken_away(client: AsyncClient, bench: Bench[Any, Any]) -> None:
    form = {"answer": "stop_request", "only": "true"}
    await client.post(link(), data={**form, "channels": ["visit"]})
    bench.clock.instant += timedelta(minutes=1)
    assert (await client.post(link(), data={**form, "was": ["visit"]})).status_code == 303
    bench.clock.instant += timedelta(minutes=1)
    chinese, _ = await pages(client)
    assert ticked(chinese) == set()
    assert "您已要求" not in chinese


async def test_the_page_says_beforehand_what_a_choice_of_channels_leads_to(client: AsyncClient) -> None:
    chinese, english = await pages(client)
    assert "我们会通过其他方式继续联系" in chinese
    assert "只能在几天内决定是否通过诉讼解决" in chinese
    assert "we go on by the other ways" in english
    assert "to decide, within days, whether to take the debt to court" in english


async def test_the_instalments_offered_add_up_to_what_is_owed(client: AsyncClient, bench: Bench[Any, Any]) -> None:
    chinese, _ = await pages(client)
    assert "2 期：2&nbsp;×&nbsp;¥50.75" in chinese
    assert "3 期：¥33.84 + 2&nbsp;×&nbsp;¥33.83" in chinese


@pytest.mark.parametrize(
    ("relief", "adds"), [("hardship", "您仍可约定还款日期或申请分期"), ("dispute", "可以在下方投诉")]
)
async def test_who_is_refused_is_told_what_they_can_still_do(
    client: AsyncClient, bench: Bench[Any, Any], relief: str, adds: str
) -> None:
    await client.post(link(), data={"answer": relief})
    if relief == "hardship":
        said = {"hardship_id": "HD-B-1-1", "reason": "officer-9: x", "rejected_at": MORNING}
        bench.deliver(HardshipRejected(**CASE, **said))
    else:
        bench.deliver(
            DisputeResolved(**CASE, dispute_id="D-B-1-1", upheld=False, reason="officer-9: x", resolved_at=MORNING)
        )
    assert adds in (await pages(client))[0]


async def test_times_that_were_chosen_are_shown_before_anything_is_opened(
    client: AsyncClient, bench: Bench[Any, Any]
) -> None:
    assert "您已选择联系时间" not in (await pages(client))[0]
    await client.post(link(), data={"answer": "times", "times": "evening"})
    bench.clock.instant += timedelta(minutes=1)
    chinese, english = await pages(client)
    assert "您已选择联系时间：晚上 18:00–21:00" in chinese
    assert "You have chosen when we may contact you: Evening, 18:00–21:00" in english
