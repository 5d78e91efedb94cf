"""One borrower is one partition number for every producer: ours, Java's, librdkafka's."""

from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as kafka_python_murmur2

from services.kit.partitions import murmur2


@given(st.binary(max_size=40))
def test_the_hash_is_the_one_of_kafka_python(key):
    assert murmur2(key) == kafka_python_murmur2(key) & 0xFFFFFFFF
