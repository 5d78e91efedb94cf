"""Where the borrowers of the data set live: their states, and the Chinese provinces that stand for them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A region by its ISO 3166-2 code, its name in its own language, its largest city's WGS-84 position, its clock."""

    region: str
    name: str
    latitude: float
    longitude: float
    time_zone: str


_PROVINCES = """
CA GD 广东省 23.13 113.26|TX SD 山东省 36.65 117.12|NY HA 河南省 34.75 113.62|FL JS 江苏省 32.06 118.80
IL SC 四川省 30.57 104.07|NJ HE 河北省 38.04 114.51|OH HN 湖南省 28.23 112.94|GA AH 安徽省 31.82 117.23
NC HB 湖北省 30.59 114.31|PA ZJ 浙江省 30.27 120.16|VA GX 广西壮族自治区 22.82 108.37|AZ YN 云南省 25.04 102.71
MD JX 江西省 28.68 115.86|MI LN 辽宁省 41.80 123.43|MA FJ 福建省 26.07 119.30|CO SN 陕西省 34.34 108.94
WA HL 黑龙江省 45.80 126.53|CT SX 山西省 37.87 112.55|IN GZ 贵州省 26.65 106.63|TN CQ 重庆市 29.56 106.55
MO JL 吉林省 43.82 125.32|MN GS 甘肃省 36.06 103.83|NV NM 内蒙古自治区 40.84 111.75|SC XJ 新疆维吾尔自治区 43.83 87.62
OR SH 上海市 31.23 121.47|WI BJ 北京市 39.90 116.41|AL TJ 天津市 39.09 117.20|KY HI 海南省 20.04 110.20
LA NX 宁夏回族自治区 38.49 106.23|KS QH 青海省 36.62 101.78|OK XZ 西藏自治区 29.65 91.14
"""
# By falling number of loans and of people, so that a populous state stands for a populous province. The smaller
# states, which are left over, stand for the largest provinces.
_STATES = """
AL Birmingham 33.52 -86.80 Chicago|AK Anchorage 61.22 -149.90 Anchorage|AZ Phoenix 33.45 -112.07 Phoenix
AR Little_Rock 34.75 -92.29 Chicago|CA Los_Angeles 34.05 -118.24 Los_Angeles|CO Denver 39.74 -104.99 Denver
CT Hartford 41.76 -72.67 New_York|DC Washington 38.91 -77.04 New_York|DE Wilmington 39.74 -75.54 New_York
FL Orlando 28.54 -81.38 New_York|GA Atlanta 33.75 -84.39 New_York|HI Honolulu 21.31 -157.86 Honolulu
ID Boise 43.62 -116.20 Boise|IL Chicago 41.88 -87.63 Chicago|IN Indianapolis 39.77 -86.16 Indiana/Indianapolis
KS Wichita 37.69 -97.34 Chicago|KY Louisville 38.25 -85.76 Kentucky/Louisville|LA New_Orleans 29.95 -90.07 Chicago
MA Boston 42.36 -71.06 New_York|MD Baltimore 39.29 -76.61 New_York|ME Portland 43.66 -70.26 New_York
MI Detroit 42.33 -83.05 Detroit|MN Minneapolis 44.98 -93.27 Chicago|MO Saint_Louis 38.63 -90.20 Chicago
MS Jackson 32.30 -90.18 Chicago|MT Billings 45.78 -108.50 Denver|NC Charlotte 35.23 -80.84 New_York
ND Fargo 46.88 -96.79 Chicago|NE Omaha 41.26 -95.93 Chicago|NH Manchester 43.00 -71.45 New_York
NJ Newark 40.74 -74.17 New_York|NM Albuquerque 35.08 -106.65 Denver|NV Las_Vegas 36.17 -115.14 Los_Angeles
NY New_York 40.71 -74.01 New_York|OH Columbus 39.96 -83.00 New_York|OK Oklahoma_City 35.47 -97.52 Chicago
OR Portland 45.52 -122.68 Los_Angeles|PA Philadelphia 39.95 -75.17 New_York|RI Providence 41.82 -71.41 New_York
SC Columbia 34.00 -81.03 New_York|SD Sioux_Falls 43.55 -96.73 Chicago|TN Nashville 36.16 -86.78 Chicago
TX Houston 29.76 -95.37 Chicago|UT Salt_Lake_City 40.76 -111.89 Denver|VA Richmond 37.54 -77.44 New_York
VT Burlington 44.48 -73.21 New_York|WA Seattle 47.61 -122.33 Los_Angeles|WI Milwaukee 43.04 -87.91 Chicago
WV Charleston 38.35 -81.63 New_York|WY Cheyenne 41.14 -104.82 Denver
"""


def _cells(table: str) -> list[list[str]]:
    return [row.split() for row in table.replace("\n", "|").split("|") if row.strip()]


def provinces() -> dict[str, Place]:
    """The Chinese province that stands for each state of the data set."""
    rows = _cells(_PROVINCES)
    places = {
        state: Place(f"CN-{code}", name, float(north), float(east), "Asia/Shanghai")
        for state, code, name, north, east in rows
    }
    left = [state for state in sorted(states()) if state not in places]
    largest = [row[0] for row in rows]
    return {**places, **{state: places[largest[n % len(largest)]] for n, state in enumerate(left)}}


def states() -> dict[str, Place]:
    """Each state as it is."""
    return {
        state: Place(f"US-{state}", city.replace("_", " "), float(north), float(east), f"America/{zone}")
        if state != "HI"
        else Place("US-HI", city, float(north), float(east), "Pacific/Honolulu")
        for state, city, north, east, zone in _cells(_STATES)
    }
