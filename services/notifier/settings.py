"""What notifier is told through its environment: its carriers, its links, in whose name it writes."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from services.kit.pages import Language
from services.kit.settings import Key, Settings
from services.notifier.channels.email import SmtpAddress
from services.notifier.channels.gateway import GatewayAddress
from services.notifier.channels.sms import SmppAddress
from services.notifier.links import Links
from services.notifier.text import Lender
from services.rulebook.reading import BadPack
from services.rulebook.shelf import known, readable
from services.rulebook.strategy import load_strategy

Port = Annotated[int, Field(ge=1, le=65535)]
Rate = Annotated[float | None, Field(gt=0)]
"""So many messages a second and no more, as agreed with the carrier; none: as many as it takes."""


def _known_strategy(name: str) -> str:
    try:
        load_strategy(name)
    except (BadPack, OSError) as error:
        raise ValueError(f"is no strategy that can be read: {error}") from None
    return name


class NotifierSettings(Settings):
    """Settings of notifier. What a bank must change before it writes to anyone: `lender_*` and `complaints`."""

    strategy: Annotated[str, AfterValidator(_known_strategy)] = "default-v1"
    rulebook_dir: Annotated[Path | None, AfterValidator(readable)] = None
    """A folder with rule books and calendars of the house's own, beside those that are shipped."""
    smpp_host: str
    smpp_port: Port = 2775
    smpp_system_id: str = "arrears"
    smpp_password: SecretStr = SecretStr("")
    smpp_sender: str = ""
    """The number or name that people see; empty: the carrier's choice."""
    smpp_tls: bool = False
    smtp_host: str
    smtp_port: Port = 25
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_sender: str = "notices@lender.example"
    voice_url: str = ""
    """The gateway for robot calls; empty: a strategy that calls is refused at the start."""
    push_url: str = ""
    """The gateway of the lender's app; where it is set, short messages go there first."""
    gateway_token: SecretStr = SecretStr("")
    """Shown to the gateways, and by them."""
    sms_per_second: Rate = None
    email_per_second: Rate = None
    letter_per_second: Rate = None
    voice_per_second: Rate = None
    print_dir: Path
    font_dir: Path | None = None
    """A folder with a Chinese font for letters, where neither the system nor the font package has one."""
    link_base: str
    link_key: Annotated[Key, Field(repr=False)]
    link_key_previous: Annotated[Key | None, Field(repr=False)] = None
    """Links signed with it still open."""
    link_days: Annotated[int, Field(ge=1, le=366)] = 60
    lender_name: str = "Example Consumer Finance"
    lender_name_zh: str = "示例消费金融"
    lender_address: str = "1 Example Road, Shenzhen 518000"
    lender_address_zh: str = "深圳市示例路1号（518000）"
    law_firm: str = ""
    """Who writes lawyers' letters for the house; empty: none is ever sent."""
    law_firm_zh: str = ""
    law_firm_address: str = ""
    law_firm_address_zh: str = ""
    complaints: str = "400-000-0000"
    """The number for service and complaints."""
    pay_page: str = ""
    """Where a borrower pays; empty: the page names the reference alone."""
    credential_page: str = ""
    """Address of visits' page where a visitor's code is checked, up to the code."""

    @model_validator(mode="after")
    def _under_a_known_law(self) -> Self:
        known(self.jurisdiction, self.rulebook_dir)
        return self

    def smpp(self) -> SmppAddress:
        """The SMS carrier."""
        password = self.smpp_password.get_secret_value()
        return SmppAddress(
            self.smpp_host, self.smpp_port, self.smpp_system_id, password, self.smpp_sender, self.smpp_tls
        )

    def smtp(self) -> SmtpAddress:
        """The mail server."""
        sender = f"{self.lender_name_zh} <{self.smtp_sender}>"
        password = self.smtp_password.get_secret_value()
        return SmtpAddress(self.smtp_host, self.smtp_port, sender, self.smtp_username, password)

    def gateway(self, kind: Literal["voice", "push"]) -> GatewayAddress:
        """The gateway for calls, or of the app."""
        base = self.voice_url if kind == "voice" else self.push_url
        return GatewayAddress(f"{base.rstrip('/')}/", kind, self.gateway_token.get_secret_value())

    def rates(self) -> dict[str, float | None]:
        """Messages a second by channel."""
        return {
            "sms": self.sms_per_second,
            "email": self.email_per_second,
            "letter": self.letter_per_second,
            "voice": self.voice_per_second,
        }

    def links(self) -> Links:
        """The maker and reader of links."""
        return Links(self.link_base, tuple(key for key in (self.link_key, self.link_key_previous) if key))

    def lender(self) -> Lender:
        """In whose name notices are written."""
        return Lender(
            {"zh-CN": self.lender_name_zh, "en": self.lender_name},
            {"zh-CN": self.lender_address_zh, "en": self.lender_address},
            self.complaints,
            _both(self.law_firm_zh, self.law_firm),
            _both(self.law_firm_address_zh, self.law_firm_address),
        )


def _both(chinese: str, english: str) -> dict[Language, str]:
    """A name by language; the one that is there stands for the other."""
    return {"zh-CN": chinese or english, "en": english or chinese} if chinese or english else {}
