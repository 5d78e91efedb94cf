"""Carriers that accept everything, tell that it was delivered, and know nobody: for `arrears up --bare`."""

import asyncio

from deploy.local.callcentre import CallCentre
from deploy.local.caller import Caller
from deploy.local.mailserver import MailServer
from deploy.local.messages import Messages
from deploy.local.outsider import Surroundings, run, surroundings
from deploy.local.printhouse import PrintHouse
from deploy.local.smsc import SmsCarrier
from deploy.local.stories import Fate


def _delivered(_to: str) -> Fate:
    return "delivered"


async def serve(around: Surroundings) -> None:
    """Run the sink for ever."""
    env, messages = around.environment, Messages(around.folder("ARREARS_PRINT_DIR"), around.clock)
    sms_took, mail_took = messages.kept("sms"), messages.kept("email")
    sms = SmsCarrier(env["ARREARS_SMPP_HOST"], int(env["ARREARS_SMPP_PORT"]), around.clock, _delivered, sms_took)
    mail = MailServer(env["ARREARS_SMTP_HOST"], int(env["ARREARS_SMTP_PORT"]), _delivered, mail_took)
    async with Caller() as caller, asyncio.TaskGroup() as tasks:
        letters = PrintHouse(
            around.folder("ARREARS_PRINT_DIR"), around.urls["notifier"], around.clock, _delivered, caller
        )
        calls = CallCentre.of(around, _delivered, messages.kept("voice"), caller)
        phoned = (calls.serve(env["ARREARS_VOICE_URL"]), calls.ring())
        for work in (sms.serve(), sms.deliver(), mail.serve(), letters.work(), *phoned):
            tasks.create_task(work)


if __name__ == "__main__":
    run(serve(surroundings()))
