"""What borrowers do with what reaches them: they keep the link, and some of them follow it and say something."""

import json
import logging
import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from deploy.local.agenda import Agenda
from deploy.local.books import cents
from deploy.local.caller import Caller
from deploy.local.outsider import People
from deploy.local.stories import Word
from deploy.local.wire import Listener
from schemas.contacts import NoticeDelivered, NoticeSent
from schemas.envelope import Event, Fact
from schemas.values import Answer
from services.kit.clock import Clock

LINK = re.compile(r"https?://[^\s，。]+/n/[A-Za-z0-9_-]+")
_WORDS: Mapping[Answer, tuple[str, str]] = {
    "will_pay": ("这几天会还上", "I will pay in a few days"),
    "promise": ("发工资后就还", "I will pay when I get my wages"),
    "plan_request": ("一次还不上，希望分期", "I cannot pay at once, please let me pay in instalments"),
    "dispute": ("这笔款我已经还过了", "I have paid this already"),
    "hardship": ("最近遇到困难，暂时无力偿还", "I am in difficulty and cannot pay at the moment"),
    "complaint": ("通知的措辞不妥", "I object to the tone of this notice"),
    "stop_request": ("请不要再联系我", "Please do not contact me any more"),
    "wrong_person": ("我不是你们要找的人", "I am not the person you are looking for"),
}

log = logging.getLogger(__name__)


class Mailboxes:
    """The latest link in each borrower's hands, and what they have said already; kept in a file."""

    def __init__(self, file: Path) -> None:
        self._links: dict[str, str] = {}
        self._said: set[str] = set()
        for line in file.read_text().splitlines() if file.exists() else ():
            self._take(json.loads(line))
        self._file = file

    def _take(self, note: Mapping[str, str]) -> None:
        if "said" in note:
            self._said.add(note["said"])
        else:
            self._links[note["borrower"]] = note["link"]

    def _note(self, **note: str) -> None:
        self._take(note)
        with self._file.open("a") as file:
            file.write(json.dumps(note) + "\n")

    def receive(self, borrower_id: str, text: str) -> None:
        """A text has come; a link in it is kept."""
        found = LINK.search(text)
        if found:
            self._note(borrower=borrower_id, link=found[0])

    def link(self, borrower_id: str) -> str | None:
        """The latest link that this borrower has."""
        return self._links.get(borrower_id)

    def first_time(self, name: str) -> bool:
        """Whether this has not been said before; from then on it has."""
        if name in self._said:
            return False
        self._note(said=name)
        return True


class Borrowers:
    """People who answer when a step of the ladder reaches them, as their stories tell."""

    def __init__(self, people: People, boxes: Mailboxes, clock: Clock, bootstrap: str, caller: Caller) -> None:
        self._people, self._boxes, self._clock, self._caller = people, boxes, clock, caller
        self._listener = Listener(bootstrap, {NoticeSent, NoticeDelivered})
        self._agenda: Agenda[tuple[str, Word]] = Agenda(clock)
        self._owed: dict[str, Decimal] = {}

    async def listen(self) -> None:
        """Read what has been sent and what has arrived."""
        async for batch in self._listener.events():
            for event in batch:
                self._notice(event)

    def _notice(self, event: Event[Fact]) -> None:
        fact = event.data
        if isinstance(fact, NoticeSent):
            self._owed[fact.borrower_id] = fact.arrears.total
        elif isinstance(fact, NoticeDelivered):
            behaviour = self._people.behaviour(fact.borrower_id)
            for word in behaviour.story.words:
                if word.on == fact.step:
                    self._agenda.put(fact.delivered_at + behaviour.wait(word), (fact.borrower_id, word))

    async def answer(self) -> None:
        """Say what is to be said when its time has come, each thing once."""
        while True:
            for _, (borrower_id, word) in self._agenda.due():
                link = self._boxes.link(borrower_id)
                if link and self._boxes.first_time(f"{borrower_id}-{word.on}-{word.answer}"):
                    await self._say(borrower_id, word, link)
            await self._agenda.rest()

    async def _say(self, borrower_id: str, word: Word, link: str) -> None:
        name = f"{borrower_id}-{word.on}-{word.answer}"
        form = {"answer": word.answer, "once": name, "statement": self._statement(word.answer)}
        response = await self._caller.post(link, key=name, data={**form, **self._terms(borrower_id, word)})
        if response.is_error:
            log.warning(
                "%s could not say %s: %d %s", borrower_id, word.answer, response.status_code, response.text[:300]
            )

    def _terms(self, borrower_id: str, word: Word) -> dict[str, str]:
        """What the form asks for besides, by what is answered."""
        today = self._clock.now().astimezone(self._zone).date()
        if word.answer == "promise":
            amount = cents(self._owed.get(borrower_id, Decimal(100)) * word.share)
            return {"promised_on": (today + timedelta(days=word.in_days)).isoformat(), "amount": str(amount)}
        if word.answer == "plan_request":
            return {"instalments": str(word.instalments)}
        return {"hardship": word.reason} if word.answer == "hardship" else {}

    @property
    def _zone(self) -> ZoneInfo:
        return self._people.zone

    def _statement(self, answer: Answer) -> str:
        chinese, english = _WORDS[answer]
        return chinese if self._people.speak_chinese else english
