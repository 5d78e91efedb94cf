"""The simulated carriers as a process: SMS, e-mail, calls, print house; and the borrowers at the other end of them."""

import asyncio

from deploy.local.answering import Borrowers, Mailboxes
from deploy.local.callcentre import CallCentre
from deploy.local.caller import Caller
from deploy.local.chance import luck
from deploy.local.mailserver import MailServer
from deploy.local.messages import Messages
from deploy.local.outsider import People, Surroundings, run, surroundings
from deploy.local.printhouse import PrintHouse
from deploy.local.smsc import SmsCarrier
from deploy.local.stories import Fate

MAILBOXES = "mailboxes.jsonl"
_RINGS_SHARE = 0.5


class Fates:
    """What becomes of what is sent to a number, an address or for a notice: as the borrower's story says."""

    def __init__(self, people: People) -> None:
        self._people = people

    def sms(self, number: str) -> Fate:
        """The fate of a short message; a number that nobody has takes everything."""
        borrower_id = self._people.by_phone.get(number)
        return self._people.behaviour(borrower_id).story.sms if borrower_id else "delivered"

    def call(self, number: str) -> Fate:
        """The fate of a call: half the phones that take no messages ring all the same."""
        fate = self.sms(number)
        return "delivered" if fate == "failed" and luck(number, "rings") < _RINGS_SHARE else fate

    def mail(self, address: str) -> Fate:
        """The fate of a mail."""
        borrower_id = self._people.by_email.get(address)
        fates: dict[str, Fate] = {"delivered": "delivered", "silent": "silent"}
        return fates.get(self._people.behaviour(borrower_id).email, "failed") if borrower_id else "delivered"

    def letter(self, notice_id: str) -> Fate:
        """The fate of a letter: N-<borrower>-<n> names the borrower."""
        return self._people.behaviour(notice_id.removeprefix("N-").rpartition("-")[0]).story.letter


async def serve(around: Surroundings) -> None:
    """Run all carriers for ever."""
    people, environment = around.people(), around.environment
    fates, folder = Fates(people), around.folder("ARREARS_PRINT_DIR")
    boxes, messages = Mailboxes(folder / MAILBOXES), Messages(folder, around.clock)
    sms = SmsCarrier(
        environment["ARREARS_SMPP_HOST"],
        int(environment["ARREARS_SMPP_PORT"]),
        around.clock,
        fates.sms,
        messages.kept("sms", lambda number, text, _: boxes.receive(people.by_phone.get(number, number), text)),
    )
    mail = MailServer(
        environment["ARREARS_SMTP_HOST"],
        int(environment["ARREARS_SMTP_PORT"]),
        fates.mail,
        messages.kept("email", lambda address, text, _: boxes.receive(people.by_email.get(address, address), text)),
    )
    async with Caller() as caller, asyncio.TaskGroup() as tasks:
        letters = PrintHouse(folder, around.urls["notifier"], around.clock, fates.letter, caller)
        calls = CallCentre.of(around, fates.call, messages.kept("voice"), caller)
        borrowers = Borrowers(people, boxes, around.clock, around.bootstrap, caller)
        carriers = (sms.serve(), sms.deliver(), mail.serve(), letters.work())
        phoned = (calls.serve(environment["ARREARS_VOICE_URL"]), calls.ring())
        for work in (*carriers, *phoned, borrowers.listen(), borrowers.answer()):
            tasks.create_task(work)


if __name__ == "__main__":
    run(serve(surroundings()))
