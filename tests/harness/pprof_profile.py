"""Reads what pprof reads: protobuf by its wire format, and the published field numbers of perftools.profiles.Profile."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import Iterator

Field = tuple[int, "int | bytes"]  # number, varint or length-delimited contents


def varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def fields(data: bytes) -> Iterator[Field]:
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
            yield key >> 3, value
        else:
            assert key & 7 == 2, f"wire type {key & 7}"
            size, at = varint(data, at)
            assert at + size <= len(data)
            yield key >> 3, data[at:at + size]
            at += size


def numbers(data: bytes, field: int) -> list[int]:
    """A repeated number, packed or not."""
    found: list[int] = []
    for number, value in fields(data):
        if number != field:
            continue
        if isinstance(value, int):
            found.append(value)
            continue
        at = 0
        while at < len(value):
            one, at = varint(value, at)
            found.append(one)
    return found


def number(data: bytes, field: int) -> int:
    return (numbers(data, field) or [0])[-1]


def messages(data: bytes, field: int) -> list[bytes]:
    return [value for number, value in fields(data) if number == field and isinstance(value, bytes)]


@dataclass
class Sample:
    stack: list[tuple[str, str, int]]  # function, file, line; innermost first
    count: int
    labels: dict[str, str]


@dataclass
class Profile:
    sample_types: list[tuple[str, str]]
    samples: list[Sample]
    mappings: dict[str, str]  # file -> build id
    time_nanos: int
    duration_nanos: int


def read(compressed: bytes) -> Profile:
    data = gzip.decompress(compressed)
    texts = [text.decode() for text in messages(data, 6)]
    assert texts[0] == ""
    types = [(texts[number(one, 1)], texts[number(one, 2)]) for one in messages(data, 1)]
    functions = {number(one, 1): one for one in messages(data, 5)}
    mappings = {number(one, 1): one for one in messages(data, 3)}
    places: dict[int, list[tuple[str, str, int]]] = {}
    for location in messages(data, 4):
        mapping = mappings[number(location, 2)] if number(location, 2) else None
        if mapping is not None:
            assert number(mapping, 2) <= number(location, 3) < number(mapping, 3), "an address beside its mapping"
        lines = [(texts[number(functions[number(line, 1)], 2)], texts[number(functions[number(line, 1)], 4)], number(line, 2))
                 for line in messages(location, 4)]
        places[number(location, 1)] = lines or [(hex(number(location, 3)), "", 0)]
    samples = []
    for sample in messages(data, 2):
        values = numbers(sample, 2)
        assert len(values) == len(types)
        samples.append(Sample([line for place in numbers(sample, 1) for line in places[place]], values[0],
                              {texts[number(label, 1)]: texts[number(label, 2)] for label in messages(sample, 3)}))
    return Profile(types, samples, {texts[number(m, 5)]: texts[number(m, 6)] for m in mappings.values()},
                   number(data, 9), number(data, 10))
