"""What kinds of borrowers there are: each story is what one kind does, in the order in which things reach it.

A table, to be read as one. Weights are relative, among those who ever fall behind; every kind has at least one person.
The `onset` says how early a story must begin for its end to be seen: the first visit comes about twenty days after the
first missed payment, the third about five weeks after.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from schemas.values import Answer, Disposition

Event = Literal[
    "overdue", "reminder", "notice", "letter", "offered", "placed", "appointed", "on_the_way", "at_the_door", "met",
    "promised", "broken", "partly_kept", "planned", "plan_over", "plan_rejected", "relieved", "not_relieved",
    "dispute_rejected", "complaint_answered", "reversed", "resumed", "returned",
]  # fmt: skip
"""What a borrower (or the bank) notices: a notice arrives, a team sets off, a promised day comes."""

Act = Literal[
    "pay", "bounce", "pause", "resume", "restructure", "charge_off", "close", "die", "lose_capacity", "go_bankrupt"
]
"""What the bank's books then show. `bounce` takes the borrower's latest payment back."""

Onset = Literal["any", "letter", "field", "long"]
Fate = Literal["delivered", "failed", "silent"]
"""What becomes of what is sent to somebody. A letter fails by coming back, and is silent when it is lost."""

Team = Literal["punctual", "slow", "silent", "absent", "unstoppable"]
"""How visitors work: they report in time, a day late, never; never go; report what they were told not to do."""

Need = Literal["anybody", "small_debt", "several_loans"]
PROMPT: tuple[float, float] = (3, 40)


@dataclass(frozen=True, slots=True)
class Deed:
    """After `on`, within so many hours, this is done. `share` is of what is then past due, promised or instalment.

    Done once, or for each promise and instalment; `times` limits the instalments and promises that are met.
    """

    on: Event
    hours: tuple[float, float] = PROMPT
    act: Act = "pay"
    share: Decimal = Decimal(1)
    times: int = 99


@dataclass(frozen=True, slots=True)
class Word:
    """After a step has arrived the borrower follows the link in it and says this."""

    on: Literal["reminder", "notice", "letter"]
    answer: Answer
    in_days: int = 4
    share: Decimal = Decimal(1)
    instalments: int = 3
    reason: str = "other"
    hours: tuple[float, float] = (2, 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One kind of borrower. `door` is what the first, second and third visit find; the last one repeats."""

    weight: int
    onset: Onset = "any"
    deeds: tuple[Deed, ...] = ()
    words: tuple[Word, ...] = ()
    door: tuple[Disposition, ...] = ("refused",)
    sms: Fate = "delivered"
    email: Fate | Literal["none"] | None = None
    letter: Fate = "delivered"
    team: Team | None = None
    need: Need = "anybody"
    vulnerable: bool = False
    second_address: bool = False
    early_bird: bool = False
    lost_fact: bool = False
    agency_returns: bool = False


def _pays(on: Event, low: float = 3, high: float = 40, share: str = "1", times: int = 99) -> Deed:
    return Deed(on, (low, high), "pay", Decimal(share), times)


_KEEPS = _pays("promised", 0, 8)
_PERFORMS = _pays("planned", -10, 8)

STORIES: Mapping[str, Story] = {
    # Paid again without anybody at the door, at each stage.
    "pays before the reminder": Story(weight=25, deeds=(_pays("overdue", 0.2, 0.7),), early_bird=True),
    "pays after the reminder": Story(weight=70, deeds=(_pays("reminder"),)),
    "pays after the notice": Story(weight=45, deeds=(_pays("notice"),)),
    "pays after the letter": Story(weight=25, onset="letter", deeds=(_pays("letter"),)),
    "says will pay, and does": Story(weight=12, words=(Word("reminder", "will_pay"),),
                                     deeds=(_pays("reminder", 48, 80),)),
    "pays when offered to an agency": Story(weight=8, onset="field", deeds=(_pays("offered", 1, 8),)),
    "pays when placed": Story(weight=12, onset="field", deeds=(_pays("placed", 1, 8),)),
    "pays on the eve of the visit": Story(weight=10, onset="field", deeds=(_pays("appointed", 0.5, 4),)),
    "pays while the team is on its way": Story(weight=14, onset="field", deeds=(_pays("on_the_way", 0, 0.3),)),
    # Partial payments.
    "pays half, then the rest": Story(weight=16, onset="letter",
                                      deeds=(_pays("reminder", share="0.5"), _pays("letter"))),
    "pays a little, then nothing": Story(weight=8, onset="field", deeds=(_pays("notice", share="0.25"),)),
    # Promises.
    "keeps a promise": Story(weight=30, words=(Word("notice", "promise"),), deeds=(_KEEPS,)),
    "keeps an early promise": Story(weight=10, words=(Word("reminder", "promise", in_days=6),), deeds=(_KEEPS,)),
    "breaks a promise, then pays": Story(weight=12, onset="letter", words=(Word("notice", "promise"),),
                                         deeds=(_pays("broken", 10, 60),)),
    "breaks two promises, then refuses": Story(
        weight=8, onset="long",
        words=(Word("reminder", "promise", in_days=2), Word("notice", "promise", in_days=2), Word("letter", "promise")),
    ),
    "keeps a promise in part": Story(weight=12, onset="letter", words=(Word("notice", "promise"),),
                                     deeds=(_pays("promised", 0, 8, "0.5"), _pays("partly_kept", 20, 60))),
    "a kept promise bounces": Story(weight=8, onset="letter", words=(Word("reminder", "promise"),),
                                    deeds=(_KEEPS, Deed("promised", (50, 80), "bounce"), _pays("reversed", 40, 60))),
    "promises, then refinances": Story(weight=6, words=(Word("notice", "promise", in_days=8, hours=(2, 20)),),
                                       deeds=(Deed("notice", (60, 90), "close"),)),
    # Plans.
    "completes a plan": Story(weight=24, words=(Word("notice", "plan_request"),), deeds=(_PERFORMS,), onset="letter"),
    "defaults on a plan": Story(weight=10, onset="long", words=(Word("reminder", "plan_request"),),
                                deeds=(_pays("planned", -10, 8, times=1),)),
    "defaults on a plan, then pays": Story(weight=6, onset="field", words=(Word("reminder", "plan_request"),),
                                           deeds=(_pays("planned", -10, 8, times=1), _pays("plan_over", 20, 60))),
    "wants too long a plan": Story(weight=6, onset="letter", words=(Word("notice", "plan_request", instalments=24),),
                                   deeds=(_pays("letter"),)),
    "agrees a plan, then refinances": Story(weight=6, words=(Word("notice", "plan_request", hours=(2, 20)),),
                                            deeds=(Deed("notice", (60, 80), "close"),)),
    # Hardship, disputes, complaints, leave me alone.
    "lost the job": Story(weight=12, words=(Word("notice", "hardship", reason="unemployment"),)),
    "is ill": Story(weight=6, words=(Word("reminder", "hardship", reason="illness"),), vulnerable=True),
    "hardship without a ground": Story(weight=10, onset="letter", words=(Word("notice", "hardship"),),
                                       deeds=(_pays("not_relieved", 30, 80),)),
    "disputes, then pays": Story(weight=18, onset="letter", words=(Word("notice", "dispute"),),
                                 deeds=(_pays("dispute_rejected", 20, 70),)),
    "complains, then pays": Story(weight=9, onset="letter", words=(Word("notice", "complaint"),),
                                  deeds=(_pays("complaint_answered", 20, 70),)),
    "wants no more contact": Story(weight=8, words=(Word("notice", "stop_request"),)),
    "wants no more contact, owes little": Story(weight=6, need="small_debt",
                                                words=(Word("reminder", "stop_request"),)),
    "is not the person": Story(weight=6, onset="letter", words=(Word("reminder", "wrong_person"),),
                               deeds=(_pays("letter"),)),
    # Found at the door.
    "pays in full at the door": Story(weight=26, onset="field", door=("paid_in_full",), deeds=(_pays("met", 0.3, 2),)),
    "pays before the talk has begun": Story(weight=6, onset="field", door=("paid_in_full",),
                                            deeds=(_pays("at_the_door", 0, 0.1),)),
    "pays in part at the door, then the rest": Story(
        weight=10, onset="field", door=("paid_part", "paid_in_full"),
        deeds=(_pays("met", 0.3, 2, "0.4"), _pays("met", 120, 200)),
    ),
    "pays in part at the door, then nothing": Story(weight=6, onset="long", door=("paid_part", "refused"),
                                                    deeds=(_pays("met", 0.3, 2, "0.3"),), agency_returns=True),
    "promises at the door and pays": Story(weight=16, onset="field", door=("promise",), deeds=(_KEEPS,)),
    "promises at the door and does not": Story(weight=8, onset="long", door=("promise", "refused")),
    "agrees a plan at the door": Story(weight=14, onset="long", door=("plan_agreed",), deeds=(_PERFORMS,)),
    "tells of hardship at the door": Story(weight=10, onset="field", door=("hardship",),
                                           deeds=(_pays("not_relieved"),)),
    "disputes at the door": Story(weight=10, onset="field", door=("disputes_debt",),
                                  deeds=(_pays("dispute_rejected"),)),
    "refuses": Story(weight=16, onset="field", door=("refused",)),
    "refuses, owes little": Story(weight=8, onset="field", door=("refused",), need="small_debt"),
    "nobody home, ever": Story(weight=14, onset="long", door=("not_home",)),
    "nobody home, owes little": Story(weight=6, onset="long", door=("not_home",), need="small_debt"),
    "home at the second visit": Story(weight=10, onset="long", door=("not_home", "paid_in_full"),
                                      deeds=(_pays("met", 0.3, 2),)),
    "has moved": Story(weight=8, onset="long", door=("moved",)),
    "has moved and is found": Story(weight=6, onset="long", door=("moved", "promise"), deeds=(_KEEPS,),
                                    second_address=True),
    "address does not exist": Story(weight=8, onset="long", door=("address_invalid",)),
    "only relatives are met": Story(weight=8, onset="long", door=("third_party_only", "third_party_only", "not_home")),
    "the visit goes wrong": Story(weight=9, onset="long", door=("incident", "refused"),
                                  deeds=(_pays("complaint_answered"),)),
    "is vulnerable": Story(weight=8, onset="field", vulnerable=True),
    # Death and incapacity.
    "has died, the bank learns of it": Story(weight=6, deeds=(Deed("reminder", (20, 50), "die"),)),
    "dies while placed": Story(weight=6, onset="field", deeds=(Deed("placed", (2, 10), "die"),)),
    "is found to have died": Story(weight=7, onset="field", door=("deceased",)),
    "loses capacity": Story(weight=6, deeds=(Deed("notice", (20, 50), "lose_capacity"),)),
    "goes bankrupt": Story(weight=6, deeds=(Deed("notice", (20, 50), "go_bankrupt"),)),
    # What the bank does of its own accord.
    "is charged off": Story(weight=6, deeds=(Deed("notice", (30, 90), "charge_off"),)),
    "is charged off while placed": Story(weight=6, onset="field", deeds=(Deed("placed", (2, 10), "charge_off"),)),
    "refinances": Story(weight=8, deeds=(Deed("notice", (20, 60), "close"),)),
    "settles while placed": Story(weight=6, onset="field",
                                  deeds=(_pays("placed", 2, 4, "0.6"), Deed("placed", (5, 9), "close"))),
    "is paused": Story(weight=8, onset="letter", deeds=(
        Deed("notice", (20, 40), "pause"), Deed("notice", (200, 240), "resume"), _pays("resumed", 20, 60))),
    "is restructured": Story(weight=6, deeds=(Deed("notice", (20, 60), "restructure"),)),
    "a payment bounces": Story(weight=12, onset="letter", deeds=(
        _pays("notice"), Deed("notice", (90, 120), "bounce"), _pays("reversed", 60, 100))),
    "a payment bounces after the visit": Story(weight=6, onset="field", door=("paid_in_full",), deeds=(
        _pays("met", 0.3, 2), Deed("met", (60, 90), "bounce"), _pays("reversed", 60, 100))),
    "the bank forgets to say it": Story(weight=6, deeds=(_pays("letter"),), onset="letter", lost_fact=True),
    # How things get there, or do not.
    "wrong number": Story(weight=12, onset="letter", sms="failed", email="delivered", deeds=(_pays("letter"),)),
    "silent carrier": Story(weight=10, onset="field", sms="silent", email="none", door=("paid_in_full",),
                            deeds=(_pays("met", 0.3, 2),)),
    "the letter comes back": Story(weight=8, onset="field", letter="failed", door=("promise",), deeds=(_KEEPS,)),
    "the letter is lost": Story(weight=6, onset="field", letter="silent", door=("paid_in_full",),
                                deeds=(_pays("met", 0.3, 2),)),
    "nothing reaches them": Story(weight=6, onset="letter", sms="failed", email="none", letter="failed"),
    # How agencies work.
    "the team reports late": Story(weight=6, onset="field", team="slow", door=("promise",), deeds=(_KEEPS,)),
    "the team never reports": Story(weight=6, onset="long", team="silent", door=("not_home",)),
    "the team does not go": Story(weight=6, onset="long", team="absent", door=("not_home",)),
    "the team reports what it was told to stop": Story(weight=6, onset="field", team="unstoppable",
                                                       deeds=(_pays("on_the_way", 0, 0.2),)),
    "the agency gives it back": Story(weight=6, onset="long", door=("not_home", "refused"), agency_returns=True),
    # Several loans.
    "pays one loan of two": Story(weight=6, onset="field", need="several_loans",
                                  deeds=(_pays("reminder", share="0.5"), _pays("placed", 5, 30))),
}  # fmt: skip
