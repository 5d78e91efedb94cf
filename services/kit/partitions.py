"""The Java client's default partitioner (murmur2), so that one borrower is one partition number for every producer."""

from functools import cache, lru_cache

_SEED, _M, _MASK = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF


@lru_cache(maxsize=200_000)
def partition_for(key: bytes, partitions: int) -> int:
    """The partition that a Java producer chooses for this key."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """MurmurHash2 as in org.apache.kafka.common.utils.Utils, as an unsigned 32-bit number."""
    whole = len(data) // 4 * 4
    hashed = _SEED ^ len(data)
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        hashed = (hashed * _M & _MASK) ^ ((k ^ k >> 24) * _M & _MASK)
    if rest := data[whole:]:
        hashed = (hashed ^ int.from_bytes(rest, "little")) * _M & _MASK
    hashed = (hashed ^ hashed >> 13) * _M & _MASK
    return hashed ^ hashed >> 15


@cache
def source_on(stream: str, partition: int) -> str:
    """The CloudEvents source in which what a stream says on a partition is counted."""
    return f"/arrears/{stream}/{partition}"
