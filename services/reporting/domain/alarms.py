"""What is wrong enough for people to be told."""

from collections.abc import Sequence

from services.reporting.domain.laws import SEQUENCES, Law
from services.reporting.domain.reports import Alarm


def alarms(
    laws: Sequence[Law], wrongful_contacts: Sequence[str], dead_letters: int, idle: Sequence[str] = ()
) -> list[Alarm]:
    """Every law that does not hold, every wrongful contact, dead letters, and services of which nobody works."""
    found = [_broken(law) for law in laws if not law.holds]
    found += [
        Alarm(f"wrongful-contact-{i}", "wrongful_contact", f"Contact {i} was made while a stop stood")
        for i in wrongful_contacts
    ]
    if dead_letters:
        stand = "1 record stands" if dead_letters == 1 else f"{dead_letters} records stand"
        found.append(Alarm("dead-letters", "dead_letters", f"{stand} in the dead letters"))
    return [*found, *(Alarm(f"idle-{service}", "stale", f"{service}: {NOBODY_WORKS}") for service in idle)]


NOBODY_WORKS = "nobody reads for it. Its log, its /health/ready and `arrears positions list` say whether it waits"


def _broken(law: Law) -> Alarm:
    if law.name == SEQUENCES[0]:
        return Alarm(
            "sequence-gap",
            "sequence_gap",
            f"{law.offending} gap{'s' * (law.offending != 1)} in what was numbered: {_named(law)}",
        )
    return Alarm(
        f"law-{law.name.replace(' ', '-')}", "law_broken", f"{law.left} ≠ {law.right} ({law.equation}): {_named(law)}"
    )


def _named(law: Law) -> str:
    more = law.offending - len(law.offenders)
    return ", ".join(law.offenders) + (f" and {more} more" if more > 0 else "")
