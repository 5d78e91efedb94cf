"""The hidden behaviour of each borrower: which story, from which day on. Pure and seeded; no service ever sees it.

Stories are dealt out by strata, not by luck: every one has its share of those who fall behind, and at least one person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, repeat

from deploy.local.chance import luck, pick, wait, whole
from deploy.local.portfolio import Borrower, World
from deploy.local.stories import STORIES, Deed, Need, Onset, Story, Word
from schemas.values import Disposition

BEHIND_SHARE = 0.2  # far more than in the data, where it is one in fifty: a demo is to be watched
SMALL_DEBT = 2_700
_LATEST_ONSET: Mapping[Onset, int] = {"any": 48, "letter": 34, "field": 20, "long": 8}
_EMAIL_SHARE, _TWICE_SHARE, _BOTH_LOANS_SHARE = 0.7, 0.02, 0.6
_HOPES: tuple[Disposition, ...] = ("promise", "plan_agreed", "not_home", "refused", "promise", "not_home")


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One borrower's. `onset` is the first day past due, counted from the first day; None: never; below 0: before it.

    `all_loans`: all fall behind, not only the first. `twice`: the bank's system sends each of their facts twice.
    """

    seed: int
    borrower_id: str
    name: str
    story: Story
    onset: int | None
    email: str
    all_loans: bool = False
    twice: bool = False

    def wait(self, deed: Deed | Word, *of: object) -> timedelta:
        """How long this borrower lets a thing lie; `of` tells one occasion from another."""
        return wait(deed.hours, self.seed, self.borrower_id, deed.on, *of)

    def door(self, attempt: int) -> Disposition:
        """What a visit finds; attempts count from 1."""
        return self.story.door[min(attempt, len(self.story.door)) - 1]

    def arrival(self, visit_id: str) -> float:
        """How far into its window the team knocks, as a share of the window. Where money is on its way, late."""
        racing = any(deed.on == "on_the_way" for deed in self.story.deeds)
        return 0.75 if racing else 0.1 + 0.5 * luck(self.seed, visit_id, "knocks")


PUNCTUAL = Story(weight=0, door=("paid_in_full",))


def stranger(seed: int, borrower_id: str) -> Behaviour:
    """Somebody of whom nothing is hidden, as when facts come from elsewhere: reachable, silent, at home or not."""
    door = pick(_HOPES, seed, borrower_id, "door")
    story = Story(weight=0, door=(door, "promise") if door == "not_home" else (door,))
    return Behaviour(seed=seed, borrower_id=borrower_id, name="unknown", story=story, onset=None, email="delivered")


def behaviours(world: World, borrowers: Sequence[Borrower]) -> dict[str, Behaviour]:
    """The behaviour of each borrower, by id."""
    behind = _dealt(world, borrowers)
    return {one.borrower_id: _behaviour(world, one, behind.get(one.borrower_id)) for one in borrowers}


def _dealt(world: World, borrowers: Sequence[Borrower]) -> dict[str, str]:
    """The story of everybody who falls, or has fallen, behind."""
    able = [one for one in borrowers if any(loan.standing not in ("Fully Paid", "Charged Off") for loan in one.loans)]
    shuffled = sorted(able, key=lambda one: luck(world.seed, "dealt", one.borrower_id))
    late = [one for one in shuffled if _late_already(one)]
    others = [one for one in shuffled if not _late_already(one)]
    places = _places(max(round(len(able) * BEHIND_SHARE), len(late)))
    dealt: dict[str, str] = {}
    for name in places:
        _deal(name, dealt, others if STORIES[name].onset in ("any", "letter") else [*late, *others])
    return {**{one.borrower_id: "nobody home, ever" for one in late}, **dealt}


def _places(count: int) -> list[str]:
    """The stories, each as often as its weight asks and at least once, the rarest needs first."""
    total = sum(story.weight for story in STORIES.values())
    counts = {name: max(1, round(count * story.weight / total)) for name, story in STORIES.items()}
    needy = sorted(counts, key=lambda name: STORIES[name].need == "anybody")
    return list(chain.from_iterable(repeat(name, counts[name]) for name in needy))


def _deal(name: str, dealt: dict[str, str], pool: Sequence[Borrower]) -> None:
    for one in pool:
        if one.borrower_id not in dealt and _fits(STORIES[name].need, one):
            dealt[one.borrower_id] = name
            return


def _fits(need: Need, one: Borrower) -> bool:
    if need == "small_debt":
        return one.outstanding < SMALL_DEBT and one.loans[0].standing == "Current"
    if need == "several_loans":
        return len([loan for loan in one.loans if loan.standing == "Current"]) > 1
    return True


def _late_already(one: Borrower) -> bool:
    return any(loan.standing.startswith(("Late", "In Grace")) for loan in one.loans)


def _behaviour(world: World, one: Borrower, name: str | None) -> Behaviour:
    story = STORIES[name] if name else PUNCTUAL
    several = story.need == "several_loans"
    return Behaviour(
        seed=world.seed,
        borrower_id=one.borrower_id,
        name=name or "punctual",
        story=story,
        onset=_onset(world, one, story) if name else None,
        email=_email(world, one, story),
        all_loans=several or luck(world.seed, one.borrower_id, "all loans") < _BOTH_LOANS_SHARE,
        twice=luck(world.seed, one.borrower_id, "twice") < _TWICE_SHARE,
    )


def _email(world: World, one: Borrower, story: Story) -> str:
    if story.email:
        return story.email
    return "delivered" if luck(world.seed, one.borrower_id, "email") < _EMAIL_SHARE else "none"


def _onset(world: World, one: Borrower, story: Story) -> int:
    """Long stories begin in the first days, some before them; short ones on any day that leaves time for their end."""
    standing = {loan.standing for loan in one.loans}
    if "Late (31-120 days)" in standing:
        return -whole(31, 75, world.seed, one.borrower_id, "late")
    if "Late (16-30 days)" in standing:
        return -whole(16, 29, world.seed, one.borrower_id, "late")
    latest = max(1, round(_LATEST_ONSET[story.onset] * world.days / 60))
    earliest = -4 if story.onset == "long" or "In Grace Period" in standing else 1
    return whole(earliest, 0 if "In Grace Period" in standing else latest, world.seed, one.borrower_id, "onset")
