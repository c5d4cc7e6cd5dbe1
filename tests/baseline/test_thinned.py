"""The variants: the same from the same seed, and what each leaves of a capture."""

from __future__ import annotations

import pytest

from tests.baseline import inputs
from tests.baseline.inputs import Input, originals, thinned
from tests.baseline.thinned import TORN, VARIANTS, Parts, kinds, named, seeded, torn, written
from tests.properties.altered import Record, records_of

SECOND = 1_000_000_000
VARIANT = {named(variant): variant for variant in VARIANTS}


@pytest.fixture(scope="module")
def parts():
    [sample] = [one for one in originals(["samples"]) if one.name.endswith("809-fragments-lost.pcapng")]
    return Parts(*records_of(sample.data()))


def varied(name, parts, seed=1, other=None):
    return VARIANT[name](parts, other or parts, seeded(seed, name))


@pytest.mark.parametrize("name", VARIANT)
def test_what_is_written_can_be_read(name, parts):
    result = varied(name, parts)
    assert records_of(written(result)) == (result.records, result.links)


@pytest.mark.parametrize("name", VARIANT)
def test_one_seed_gives_one_variant(name, parts):
    assert varied(name, parts) == varied(name, parts)
    assert any(varied(name, parts, seed) != varied(name, parts) for seed in range(2, 12))


@pytest.mark.parametrize("name", ["left-out", "begun-late", "stopped-early", "one-way"])
def test_some_packets_are_left(name, parts):
    kept = varied(name, parts).records
    assert 0 < len(kept) < len(parts.records)
    assert [record for record in parts.records if record in kept] == kept


def test_the_beginning_or_the_end_is_left(parts):
    late, early = varied("begun-late", parts).records, varied("stopped-early", parts).records
    assert parts.records[-len(late) :] == late
    assert parts.records[: len(early)] == early


def test_doubled(parts):
    result = varied("doubled", parts).records
    assert len(result) > len(parts.records)
    assert {record.data for record in result} == {record.data for record in parts.records}


def test_a_snaplen_keeps_the_length_on_the_wire(parts):
    result = varied("cut-short", parts).records
    assert [record.wire for record in result] == [record.wire for record in parts.records]
    longest = max(len(record.data) for record in result)
    assert longest in (64, 96, 128, 200, 256, 600)
    assert all(record.data.startswith(short.data) for record, short in zip(parts.records, result, strict=True))


def test_interleaved_keeps_all_of_both():
    one = Parts([Record(5 * SECOND, b"a", 1), Record(9 * SECOND, b"b", 1)], [1])
    other = Parts([Record(100 * SECOND, b"c", 1), Record(102 * SECOND, b"d", 1)], [101])
    result = varied("interleaved", one, other=other)
    assert result.links == [1, 101]
    assert sorted((record.data, record.interface) for record in result.records) == [
        (b"a", 0),
        (b"b", 0),
        (b"c", 1),
        (b"d", 1),
    ]
    times = [record.time for record in result.records]
    assert times == sorted(times)
    assert next(record.time for record in result.records if record.data == b"c") in (5 * SECOND, 9 * SECOND)


@pytest.mark.parametrize("name", VARIANT)
def test_a_capture_without_packets(name):
    assert varied(name, Parts([], [])).records == []


def test_torn():
    data = bytes(range(200))
    assert data.startswith(torn(data, seeded(1, "x")))
    assert len({len(torn(data, seeded(seed, "x"))) for seed in range(9)}) > 5


def test_each_capture_has_each_variant():
    two = [Input("a/x", lambda: b"no capture"), Input("b/y", lambda: b"nor this")]
    made = list(thinned(two, seed=1))
    assert [one.name for one in made] == [f"thinned/{kind}/{name}" for name in ("a/x", "b/y") for kind in kinds()]
    assert all(b"no capture".startswith(one.data()) for one in made if one.name == f"thinned/{TORN}/a/x")
    # What cannot be read has no packets.
    assert records_of(made[0].data())[0] == []


def test_inputs_of_all_kinds():
    names = [one.name for one in originals(inputs.KINDS)]
    assert len(set(names)) == len(names)
    assert {name.split("/")[0] for name in names} >= {"samples", "cases", "lab"}
    assert all(one.data() for one in originals(["samples"]))
