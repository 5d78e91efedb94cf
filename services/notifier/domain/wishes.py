"""What a borrower allows, and when they want to be contacted; said once, and obeyed from that moment on."""

from schemas.changing import replace
from schemas.contacts import ConsentGiven, ConsentWithdrawn, ContactTimesPreferred
from schemas.values import Channel
from services.notifier.domain.answers import answer
from services.notifier.domain.flow import onward
from services.notifier.domain.moment import Moment, NeverPossible, NotPossible, Reaction
from services.notifier.domain.outcomes import Answered, Consented, Times
from services.notifier.domain.person import anew, lifted
from services.notifier.domain.state import Borrower
from services.rulebook.question import Consent, QuietTime


def consent(state: Borrower, given: Consented, ctx: Moment) -> Reaction:
    """The borrower allows something. A consent to be contacted, over every channel, lifts their requests to stop.

    Raises NotPossible when nothing is known of the person yet, or the consent would have ended already.
    """
    if state.profile is None:
        raise NotPossible("nothing is known of this borrower yet")
    if given.expires_at is not None and given.expires_at <= ctx.now:
        raise NotPossible("this consent has ended already")
    consent_id = f"CO-{state.borrower_id}-{state.consented + 1}"
    held = Consent(consent_id, given.kind, ctx.now, given.channel, given.expires_at)
    after = replace(state, consented=state.consented + 1, consents=(*_lasting(state, ctx), held))
    after = replace(after, lifted=lifted(after, ctx.now), denials=())
    fact = ConsentGiven(
        consent_id=consent_id,
        borrower_id=state.borrower_id,
        kind=given.kind,
        channel=given.channel,
        given_at=ctx.now,
        expires_at=given.expires_at,
        evidence=given.evidence,
    )
    return onward(after, ctx, (fact,))


def choose(state: Borrower, given: Answered, allowed: tuple[Channel, ...], ctx: Moment) -> Reaction:
    """The borrower's choice of channels: those of the answer are stopped, those allowed are open again.

    What is so already is not said again.
    """
    stopping = tuple(channel for channel in given.channels if not state.stopped(ctx.now, channel))
    opening = tuple(channel for channel in allowed if state.stopped(ctx.now, channel))
    state, said = answer(state, replace(given, channels=stopping), ctx) if stopping else (state, ())
    for channel in opening:
        state, more = consent(state, Consented("channel", channel, None, f"page of {given.notice_id}"), ctx)
        said = (*said, *more)
    return state, said


def withdraw(state: Borrower, consent_id: str, ctx: Moment) -> Reaction:
    """The borrower takes a consent back: what rested on it is decided anew, and a stop that it lifted stands again.

    Taken back twice it is taken back once.
    """
    if not any(held.consent_id == consent_id for held in state.consents):
        raise NotPossible(f"{consent_id} is not a consent that was given here, or it has ended")
    left = tuple(held for held in state.consents if held.consent_id != consent_id)
    after, said = anew(replace(state, consents=left), ctx)
    fact = ConsentWithdrawn(consent_id=consent_id, borrower_id=state.borrower_id, withdrawn_at=ctx.now)
    return onward(after, ctx, (fact, *said))


def prefer(state: Borrower, times: Times, ctx: Moment) -> Reaction:
    """When the borrower wants to be contacted: outside of it they are left in peace, and what was allowed is undone.

    Raises NotPossible where the times name no stretch of the day, NeverPossible where they name an offset: they are
    read from the borrower's clock, wherever it hangs.
    """
    if any(t is not None and t.tzinfo is not None for t in (times.start, times.end)):
        raise NeverPossible("preferred times are of the borrower's own clock: a time of day names no offset")
    if (times.start is None) != (times.end is None) or (times.start is not None and times.start == times.end):
        raise NotPossible("preferred times need a beginning and an end that differ")
    quiet = () if times.start is None or times.end is None else (QuietTime(times.end, times.start),)
    number = state.requests + 1
    fact = ContactTimesPreferred(
        request_id=f"SR-{state.borrower_id}-{number}",
        borrower_id=state.borrower_id,
        asked_at=ctx.now,
        via=times.via,
        from_time=times.start,
        until_time=times.end,
    )
    after, said = anew(replace(state, requests=number, quiet_times=quiet, denials=()), ctx)
    return onward(after, ctx, (fact, *said))


def _lasting(state: Borrower, ctx: Moment) -> tuple[Consent, ...]:
    """Without those that have ended: a document grows no history."""
    return tuple(held for held in state.consents if held.expires_at is None or held.expires_at > ctx.now)
