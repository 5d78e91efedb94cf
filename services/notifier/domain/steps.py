"""Taking the steps that are due: propose, reserve, say; and saying that nobody answered. Denials are not repeated."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.changing import replace
from schemas.contacts import NoticeUnanswered, ProvedNotice
from schemas.values import Channel, Reason, Step
from services.notifier.domain.asking import (
    MEDIUM,
    Ask,
    allow,
    deny,
    owed,
    point_for,
    products_of,
    refused,
    said_sums,
    today,
    weigh,
)
from services.notifier.domain.ladder import (
    EARLY,
    UNDER_WAY,
    closes_at,
    early_step,
    next_turn,
    opens_at,
    silence_ends_at,
    steps_for,
)
from services.notifier.domain.moment import Moment, Reaction, Said
from services.notifier.domain.state import Amounts, Borrower, Denial, Loan, Sums
from services.rulebook.question import Decision, Proposal
from services.rulebook.strategy import LadderStep

NO_POINT = Reason(
    rule_id="GATE-POINT",
    clause="the gate fails closed",
    force="HARD",
    text="no contact point for this channel is known",
)
PAUSED = Reason(rule_id="STRATEGY-PAUSED", clause="ops", force="POLICY", text="the strategy is paused")


def climb(state: Borrower, ctx: Moment) -> Reaction:
    """Take every step that is due, and say `notice.unanswered` when its time has come."""
    state, said = _early_warnings(state, ctx)
    for _ in range(2 * len(ctx.reference.strategy.ladder.steps)):
        before = state
        state, more = _next_step(state, ctx)
        said = (*said, *more)
        if state is before or state == before:
            break
    state, more = _unanswered(state, ctx)
    return state, (*said, *more)


def still_asked(state: Borrower, ctx: Moment) -> tuple[Denial, ...]:
    """The denials of what is still wanted; those of anything else are forgotten."""
    if not state.denials:
        return ()
    turn = next_turn(state, ctx.reference.strategy, ctx.now)
    wanted = {(turn.step.step, turn.channel)} if turn else set()
    loans = {loan.loan_id for loan in state.loans if may_be_told(state, loan, ctx.now)}
    return tuple(d for d in state.denials if (d.step, d.channel) in wanted or (d.step == EARLY and d.loan_id in loans))


def is_paused(ctx: Moment) -> bool:
    """Whether ops have paused the strategy."""
    strategy = ctx.reference.strategy
    return bool(ctx.reference.paused & {strategy.name, f"{strategy.name}-{strategy.version}", strategy.label})


@dataclass(frozen=True, slots=True)
class _Message:
    """One step over one channel, with what it names."""

    step: LadderStep
    channel: Channel
    loan_ids: tuple[str, ...]
    amounts: Amounts
    attempt: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What its denial is remembered under; an early warning is of one loan."""
        return self.step.step, self.channel, self.loan_ids[0] if self.step.step == EARLY else ""


def _next_step(state: Borrower, ctx: Moment) -> tuple[Borrower, Said]:
    turn = next_turn(state, ctx.reference.strategy, ctx.now)
    what = owed(state, ctx.now) if turn is not None and turn.due_at <= ctx.now else None
    if turn is None or what is None:
        return state, ()
    message = _Message(turn.step, turn.channel, *what, attempt=turn.attempt)
    after, said = _take(state, message, ctx)
    if after.contacts != state.contacts or after.progress(turn.step.step) != state.progress(turn.step.step):
        after = _ordered(after, turn.step)
    if turn.attempt == 1 and after.contacts != state.contacts:
        return _copies(after, message, ctx, said)
    return after, said


def _ordered(state: Borrower, step: LadderStep) -> Borrower:
    """The step has begun: its channels are tried in this order, whatever becomes of segment and products."""
    known = state.progress(step.step)
    return state if known.channels else state.with_progress(replace(known, channels=step.channels))


def _copies(state: Borrower, message: _Message, ctx: Moment, said: Said) -> tuple[Borrower, Said]:
    """Send the step over its other channels too, where a contact point is known. A denied copy is not retried."""
    for channel in message.step.copies:
        used = channel == message.channel or channel in state.progress(message.step.step).tried
        if not used and _is_open(state, channel, ctx) and point_for(state, channel) is not None:
            before = state.denials
            state, more = _take(state, replace(message, channel=channel), ctx)
            state, said = replace(state, denials=before), (*said, *more)
    return state, said


def _is_open(state: Borrower, channel: Channel, ctx: Moment) -> bool:
    return opens_at(state, channel, ctx.now, ctx.now, ctx.reference.strategy) <= ctx.now


def _take(state: Borrower, message: _Message, ctx: Moment) -> tuple[Borrower, Said]:
    """Propose one message. Without a contact point the channel is used up, as if it had failed."""
    known = next((d for d in state.denials if (d.step, d.channel, d.loan_id) == message.key), None)
    ask = _ask(state, message, known, ctx)
    numbered = state if known else replace(state, notices=state.notices + 1)
    if state.profile is not None and ask.proposal.contact_point is None:
        return _impossible(numbered, ask, ctx)
    decision = refused(state, ask, ctx, PAUSED) if is_paused(ctx) else weigh(state, ask, ctx)
    if decision.allowed:
        return allow(_forgotten(numbered, known), ask, _by_closing(state, ask, decision, ctx), ctx, "pending")
    if decision.retry_at is None and _other_way(state, message, ctx):
        return _not_so(numbered, ask, decision, ctx)
    denial = _denial(message, ask, decision, ctx)
    if known is not None and _repeats(known, denial, ctx):
        return replace(state, denials=(*_others(state, known), denial)), ()
    after = replace(numbered, denials=(*_others(state, known), denial))
    return deny(after, ask, replace(decision, retry_at=denial.retry_at), ctx)


def _by_closing(state: Borrower, ask: Ask, decision: Decision, ctx: Moment) -> Decision:
    """What is allowed ends with the channel's hours at the latest."""
    closes_on = closes_at(state, ask.proposal.channel, ctx.now, ctx.reference.strategy)
    ends = [time for time in (decision.expires_at, closes_on) if time is not None]
    return replace(decision, expires_at=min(ends)) if ends else decision


def _ask(state: Borrower, message: _Message, known: Denial | None, ctx: Moment) -> Ask:
    step, point = message.step, point_for(state, message.channel)
    proposal = Proposal(
        known.contact_id if known else f"N-{state.borrower_id}-{state.notices + 1}",
        message.channel,
        step.step,
        ctx.now,
        loan_ids=message.loan_ids,
        products=products_of(state, message.loan_ids),
        contact_point=point.point_id if point else None,
        contact_source=point.source if point else None,
        verified_on=point.verified_on if point else None,
        recording=message.channel == "voice",  # the gateway records every call from beginning to end
    )
    return Ask(proposal, step.step, message.amounts, step.step, step.template, message.attempt)


def _other_way(state: Borrower, message: _Message, ctx: Moment) -> bool:
    """Whether what no passing of time allows over this channel may go over the fall-back at this moment."""
    tried = (*state.progress(message.step.step).tried, message.channel)
    other = next((channel for channel in message.step.channels if channel not in tried), None)
    if other is None or point_for(state, other) is None or is_paused(ctx) or not _is_open(state, other, ctx):
        return False
    return weigh(state, _ask(state, replace(message, channel=other), None, ctx), ctx).allowed


def _not_so(state: Borrower, ask: Ask, decision: Decision, ctx: Moment) -> tuple[Borrower, Said]:
    """Say the denial, and leave the channel for the fall-back."""
    after, said = deny(state, ask, decision, ctx)
    return (used_up(after, ask.step, ask.proposal.channel, ctx.now) if ask.step else after), said


def _impossible(state: Borrower, ask: Ask, ctx: Moment) -> tuple[Borrower, Said]:
    proposal, step = ask.proposal, ask.step
    after, said = deny(state, ask, refused(state, ask, ctx, NO_POINT), ctx)
    if step is None or step == EARLY:
        return told(after, proposal.loan_ids), said
    return used_up(after, step, proposal.channel, ctx.now), said


def used_up(state: Borrower, step: Step, channel: Channel, at: datetime) -> Borrower:
    """The borrower with this channel of a step used, at this instant."""
    known = state.progress(step)
    tried = known.tried if channel in known.tried else (*known.tried, channel)
    return state.with_progress(replace(known, tried=tried, at=max(at, known.at or at)))


def _denial(message: _Message, ask: Ask, decision: Decision, ctx: Moment) -> Denial:
    step, channel, loan_id = message.step.step, message.channel, message.key[2]
    rules = tuple(sorted(reason.rule_id for reason in decision.reasons))
    retry_at = _poll(ctx) if is_paused(ctx) else decision.retry_at
    return Denial(ask.proposal.contact_id, step, channel, rules, retry_at, loan_id)


def _repeats(known: Denial, denial: Denial, ctx: Moment) -> bool:
    """A denial is said once: again only when its reasons change, or when its time to retry came and it still stands."""
    retried = known.retry_at is not None and known.retry_at <= ctx.now
    return known.rules == denial.rules and (not retried or PAUSED.rule_id in known.rules)


def _poll(ctx: Moment) -> datetime:
    return ctx.now + timedelta(minutes=ctx.reference.strategy.ladder.pause_poll_minutes)


def _others(state: Borrower, denial: Denial | None) -> tuple[Denial, ...]:
    return tuple(d for d in state.denials if d != denial)


def _forgotten(state: Borrower, denial: Denial | None) -> Borrower:
    return replace(state, denials=_others(state, denial)) if denial else state


# -- before the due date ----------------------------------------------------------------------------------------------


def _early_warnings(state: Borrower, ctx: Moment) -> tuple[Borrower, Said]:
    said: Said = ()
    for loan, step in _to_warn(state, ctx):
        if loan.due_soon and _is_open(state, step.channels[0], ctx):
            amounts = Amounts(loan.currency, Sums(loan.due_soon.amount), 0, loan.due_soon.due_date)
            state, more = _take(state, _Message(step, step.channels[0], (loan.loan_id,), amounts, 1), ctx)
            said = (*said, *more)
    return state, said


def early_opens_at(state: Borrower, ctx: Moment) -> list[datetime]:
    """When early warnings that wait for the hours of their channel may go."""
    strategy = ctx.reference.strategy
    return [opens_at(state, step.channels[0], ctx.now, ctx.now, strategy) for _, step in _to_warn(state, ctx)]


def _to_warn(state: Borrower, ctx: Moment) -> list[tuple[Loan, LadderStep]]:
    wanted = [loan for loan in state.loans if not state.placement_id and may_be_told(state, loan, ctx.now)]
    steps = [(loan, early_step(state, loan.product, ctx.reference.strategy)) for loan in wanted]
    return [(loan, step) for loan, step in steps if step is not None]


def may_be_told(state: Borrower, loan: Loan, now: datetime) -> bool:
    """Whether an early warning for this loan is still wanted and not under way."""
    due = loan.due_soon
    if due is None or due.told or loan.standing in ("overdue", "paused") or today(state, now) > due.due_date:
        return False
    return not any(c.step == EARLY and loan.loan_id in c.loan_ids and c.state in UNDER_WAY for c in state.contacts)


def told(state: Borrower, loan_ids: tuple[str, ...]) -> Borrower:
    """The borrower with the early warning of these loans given."""
    for loan in map(state.loan, loan_ids):
        if loan.due_soon:
            state = state.with_loan(replace(loan, due_soon=replace(loan.due_soon, told=True)))
    return state


# -- after the last step ----------------------------------------------------------------------------------------------


def at_rest(state: Borrower, now: datetime) -> bool:
    """Whether something other than time keeps the case from being called unanswered."""
    consents = state.known.consents if state.known and state.stops else ()
    stopped = any(not stop.channels and any(stop.stands(now, c, consents) for c in MEDIUM) for stop in state.stops)
    known = state.profile is not None and state.profile.status == "active"
    return bool(state.holds or stopped or state.placement_id or state.round.unanswered_at) or not known


def _unanswered(state: Borrower, ctx: Moment) -> tuple[Borrower, Said]:
    ends_at = silence_ends_at(state, ctx.reference.strategy)
    if ends_at is None or ends_at > ctx.now or at_rest(state, ctx.now) or is_paused(ctx):
        return state, ()
    what = owed(state, ctx.now)
    if what is None:
        return state, ()
    loan_ids, amounts = what
    steps = steps_for(state, ctx.reference.strategy)
    windows = {s.step: s.response_window_days for s in steps if s.response_window_days}
    last = max((p for p in state.round.proved if p.step in windows), key=lambda p: p.delivered_at)
    fact = NoticeUnanswered(
        borrower_id=state.borrower_id,
        loan_ids=loan_ids,
        currency=amounts.currency,
        arrears=said_sums(amounts.arrears),
        days_past_due=amounts.days_past_due,
        notices=tuple(
            ProvedNotice(
                notice_id=p.notice_id,
                step=p.step,
                channel=p.channel,
                delivered_at=p.delivered_at,
                proof_id=p.proof_id,
            )
            for p in state.round.proved
        ),
        response_window_days=windows[last.step],
        window_ended_at=ends_at,
        proof_id=last.proof_id,
    )
    return replace(state, round=replace(state.round, unanswered_at=ctx.now)), (fact,)
