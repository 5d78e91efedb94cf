"""People who cannot exist: placeholder names, numbers that nobody is given, addresses in streets called fictitious."""

from dataclasses import dataclass

from deploy.local.chance import luck, pick, whole
from deploy.local.regions import Place

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_STEMS = "甲乙丙丁戊己庚辛壬癸"
_FIRST_NAMES = ("Alex", "Blake", "Casey", "Drew", "Emery", "Finley", "Jordan", "Morgan", "Riley", "Taylor")
_LAST_NAMES = ("Doe", "Roe", "Example", "Sample", "Placeholder", "Public", "Specimen", "Nobody")
_KM_IN_DEGREES = 0.009


@dataclass(frozen=True, slots=True)
class Home:
    """A place where somebody can be found."""

    kind: str
    text: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Person:
    """What a bank knows of somebody."""

    name: str
    id_number: str
    phone: str
    email: str
    home: Home
    registered: Home
    relative: str
    relative_phone: str


def person(seed: int, number: int, place: Place, jurisdiction: str) -> Person:
    """The person of this number, living in or near the largest city of the place."""
    chinese = jurisdiction == "CN"
    return Person(
        name=_chinese_name(seed, number) if chinese else _english_name(seed, number),
        # No division code begins with 00, and no social security number with 000.
        id_number=f"00000019000101{number:04}"[:18] if chinese else f"000-{number // 100 % 100:02}-{number % 100:04}",
        phone=_chinese_phone(number) if chinese else _american_phone(number),
        email=f"b{number:05}@example.com",
        home=_home(seed, number, place, chinese, "home"),
        registered=_home(seed, number, place, chinese, "registered"),
        relative=_chinese_name(seed, -number) if chinese else _english_name(seed, -number),
        relative_phone=_chinese_phone(50_000 + number) if chinese else _american_phone(10_000 + number),
    )


def _chinese_name(seed: int, number: int) -> str:
    """Surname, 某 ("a certain") and a letter of the heavenly stems, as Chinese courts write of parties."""
    return f"{pick(_SURNAMES, seed, 'surname', number)}某{pick(_STEMS, seed, 'stem', number)}"


def _english_name(seed: int, number: int) -> str:
    return f"{pick(_FIRST_NAMES, seed, 'first', number)} {pick(_LAST_NAMES, seed, 'last', number)}"


def _chinese_phone(number: int) -> str:
    """No mobile number in China begins with 100."""
    return f"+86100{number:08}"


def _american_phone(number: int) -> str:
    """The exchange 555-01xx is kept for fiction in every area code."""
    return f"+1{201 + number // 100}55501{number % 100:02}"


def _home(seed: int, number: int, place: Place, chinese: bool, kind: str) -> Home:
    street, door = whole(1, 999, seed, kind, "street", number), whole(101, 2804, seed, kind, "door", number)
    text = (
        f"{place.name}示例区虚构路{street}号{door}室" if chinese else f"{street} Fictitious Ave #{door}, {place.name}"
    )
    return Home(
        kind,
        text,
        round(place.latitude + (luck(seed, kind, "north", number) - 0.5) * 20 * _KM_IN_DEGREES, 5),
        round(place.longitude + (luck(seed, kind, "east", number) - 0.5) * 20 * _KM_IN_DEGREES, 5),
    )
