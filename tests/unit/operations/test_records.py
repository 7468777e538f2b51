"""CloudTrail records in all forms of input, and the errors of what is not a record."""

import gzip
import io
import json
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.detections import BadRecordError, record_in
from operations.records.input import CHUNK_BYTES, InputError, chunks
from operations.records.json_text import NotJsonError, parse
from operations.records.stream import MAX_VALUE_BYTES, RecordStream

IDS = ["a", "b", "c"]
CHUNKS = 20
RECORDS = [{"eventVersion": "1.11", "eventID": one, "resources": [{"x": '"}, {'}]} for one in IDS]
ENVELOPES = [{"version": "0", "detail-type": "x", "detail": record} for record in RECORDS]


def forms(records: list[dict[str, Any]]) -> dict[str, str]:
    lines = [json.dumps(record) for record in records]
    pretty = [json.dumps(record, indent=2) for record in records]
    return {
        "lines": "\n".join(lines) + "\n",
        "lines without a final line feed": "\n".join(lines),
        "lines with CRLF": "\r\n".join(lines) + "\r\n",
        "lines with blank lines in between": "\n \n\n".join(lines),
        "indented lines": "\n".join(f"  {line}" for line in lines),
        "array": json.dumps(records),
        "compact array": json.dumps(records, separators=(",", ":")),
        "pretty array": json.dumps(records, indent=2),
        "CloudTrail file": json.dumps({"Records": records}, separators=(",", ":")),
        "pretty CloudTrail file": json.dumps({"Records": records}, indent=4),
        "CloudTrail files": "".join(json.dumps({"Records": [record]}) for record in records),
        "arrays, one a line": "\n".join(json.dumps([record]) for record in records),
        "concatenated": "".join(lines),
        "pretty": "\n".join(pretty),
        "pretty without indentation": "\n".join(json.dumps(one, indent=0) for one in records),
        "pretty, concatenated": "".join(pretty),
        "mixed": f'{pretty[0]}[{lines[1]}]\n{{ "Records" : [ {lines[2]} ] }}\n[ ]',
    }


FORMS = {name: text.encode() for name, text in forms(RECORDS).items()}
FORMS |= {f"envelopes: {name}": text.encode() for name, text in forms(ENVELOPES).items()}

GOOD = '{"eventVersion": 1, "eventID": "%s"}'
A, B, C = (GOOD % one for one in IDS)


def opened(content: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(content))


def pieces(text: bytes, size: int) -> Iterator[bytes]:
    return (text[start : start + size] for start in range(0, len(text), size))


def read(text_chunks: Iterable[bytes]) -> tuple[list[str], list[str]]:
    """The eventIDs of the records, and the errors of what is not a record."""
    ids, errors = [], []
    for batch in RecordStream(iter(text_chunks)).batches():
        for index, value in enumerate(batch.values):
            try:
                ids.append(record_in(value)["eventID"])
            except BadRecordError as error:
                errors.append(f"{batch.where(index)}: {error}")
    return ids, errors


def read_text(text: str) -> tuple[list[str], list[str]]:
    return read([text.encode()])


def test_each_form_gives_its_records_in_their_order() -> None:
    assert {name: read([text]) for name, text in FORMS.items()} == dict.fromkeys(FORMS, (IDS, []))


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_the_chunks_of_the_input_make_no_difference(size: int) -> None:
    found = {name: read(pieces(text, size)) for name, text in FORMS.items()}

    assert found == dict.fromkeys(FORMS, (IDS, []))


def test_gzip_is_recognized_by_its_first_bytes() -> None:
    found = {name: read(chunks(opened(gzip.compress(text)))) for name, text in FORMS.items()}

    assert found == dict.fromkeys(FORMS, (IDS, []))


def test_all_gzip_members_are_read() -> None:
    members = [gzip.compress(json.dumps({"Records": [one]}).encode()) for one in RECORDS]
    stream = opened(b"".join(members))

    assert read(chunks(stream)) == (IDS, [])


def test_a_byte_order_mark_is_ignored() -> None:
    stream = opened(b"\xef\xbb\xbf" + A.encode())

    assert read(chunks(stream)) == (["a"], [])


@pytest.mark.parametrize("text", ["", "\n", " \r\n\t\n", "[]", '{"Records":[]}', "[ ]\n[]"])
def test_an_input_without_records_is_valid(text: str) -> None:
    assert read_text(text) == ([], [])


BAD_VALUES = {
    '{"eventID": tru}': "invalid JSON: expecting value, byte 12 of the value",
    '{"eventID": "é", "x": tru}': "invalid JSON: expecting value, byte 23 of the value",
    '{"eventID": NaN}': "invalid JSON: NaN",
    '{"eventID": "x", "y": [1, -Infinity]}': "invalid JSON: -Infinity",
    '{"eventID": "x",}': (
        "invalid JSON: illegal trailing comma before end of object, byte 15 of the value"
    ),
    '{"eventID": "x" "y": 1}': "invalid JSON: expecting ',' delimiter, byte 16 of the value",
    '{"eventID": "\t"}': "invalid JSON: invalid control character, byte 13 of the value",
    '{"eventID": "x", "y": "\\q"}': "invalid JSON: invalid \\escape, byte 23 of the value",
    "{'eventID': 'x'}": (
        "invalid JSON: expecting property name enclosed in double quotes, byte 1 of the value"
    ),
    "rubbish": "invalid JSON: expecting value, byte 0 of the value",
    "null": "expected a JSON object",
    "17": "expected a JSON object",
    '"text"': "expected a JSON object",
    "{}": "eventID: missing, expected a string",
    '{"eventName": "x"}': "eventID: missing, expected a string",
    '{"eventID": 17}': "eventID: expected a string",
    '{"eventID": null}': "eventID: expected a string",
    '{"detail-type": "x", "detail": "y"}': "detail: expected a JSON object",
    '{"detail-type": "x"}': "detail: expected a JSON object",
    '{"detail-type": "x", "detail": {}}': "detail.eventID: missing, expected a string",
    '{"detail-type": "x", "detail": {"eventID": 1}}': "detail.eventID: expected a string",
    '{"eventID": "x", "y": ' + "[" * 100_000 + "]" * 100_000 + "}": "nested too deeply",
    '{"eventID": ' + "1" * 5000 + "}": "a number with too many digits",
}


def test_the_error_of_a_line_has_its_number_and_the_others_are_read() -> None:
    found = {value: read_text(f"{A}\n\n{value}\n{B}\n") for value in BAD_VALUES}

    assert found == {
        value: (["a", "b"], [f"line 3: {reason}"]) for value, reason in BAD_VALUES.items()
    }


@pytest.mark.parametrize(
    ("start", "end", "name"), [("[", "]", ""), ('{"Records":[', "]}", "Records")]
)
def test_the_error_of_an_element_has_its_index_and_byte_and_the_others_are_read(
    start: str, end: str, name: str
) -> None:
    before = f"{start}{A}, "

    found = {value: read_text(f"{before}{value}, {B}{end}{C}") for value in BAD_VALUES}

    place = f"{name}[1], byte {len(before)}"
    assert found == {
        value: (["a", "b", "c"], [f"{place}: {reason}"]) for value, reason in BAD_VALUES.items()
    }


def test_errors_among_many_elements_have_their_own_index_and_byte() -> None:
    text = "[" + ",".join([A] * 300 + ['{"eventName": "é"}', "5"] + [B] * 300) + "]"

    ids, errors = read_text(text)

    first = len(text[: text.index('{"eventName')].encode())
    assert len(ids) == 600
    assert errors == [
        f"[300], byte {first}: eventID: missing, expected a string",
        f"[301], byte {first + 20}: expected a JSON object",
    ]


def test_bytes_that_are_not_utf_8_are_an_error() -> None:
    text = A.encode() + b'\n{"eventID": "\xff"}\n' + B.encode()

    assert read([text]) == (["a", "b"], ["line 2: not UTF-8: byte 13 of the value"])


@pytest.mark.parametrize(
    ("text", "ids", "errors"),
    [
        (f'{A}\n{{"x": {{"y":\n{B}\n{C}\n', ["a", "b", "c"], ["line 2"]),
        (f'{A}\n{{"x": "y\n{B}\n{C}\n', ["a", "b", "c"], ["line 2"]),
        (f'{A}\n{{"x": [\n  tru\n  ]\n}}\n{B}\n', ["a", "b"], ["line 2"]),
        (f'{A}{{"x": tru}}{B}\n', ["a", "b"], ["line 1"]),
        (f"{A}}}\n{B}\n", ["a", "b"], ["line 1"]),
        (f'{A}\n{{"x": {{"y": 1\n', ["a"], ["line 2"]),
        (f'[{A}, {{"eventVersion": 1, "x": {{"y": 1, {B}, {C}]', ["a", "b", "c"], ["[1], byte 38"]),
        (f'[{A}, {{"eventVersion": 1, "x": "y}}, {B}, {C}]', ["a", "b", "c"], ["[1], byte 38"]),
        (f'[{{"z": tru, "eventID": 1}}, {A}]', ["a"], ["[0], byte 1"]),
        (f"[{A}, }}, {B}]", ["a", "b"], ["[1], byte 38"]),
        (f"[{A}, , {B}]", ["a", "b"], ["[1], byte 38"]),
        (f"[, {B}]", ["b"], ["[0], byte 1"]),
        (f"[{A} {B}]", ["a", "b"], ["[1], byte 37"]),
        (f"[{A}, ]{B}", ["a", "b"], ["[1], byte 38"]),
        (f"[{A}, {B}", ["a", "b"], ["[2], byte 73"]),
        (f'[{A}, {{"eventVersion": 1, "x', ["a"], ["[1], byte 38"]),
        (f'{{"Records": [{A}]', ["a"], ["line 1"]),
        (f'{{"Records": [{A}]\n{B}', ["a", "b"], ["line 2"]),
    ],
)
def test_reading_continues_where_the_next_record_begins(
    text: str, ids: list[str], errors: list[str]
) -> None:
    whole = read_text(text)
    by_the_byte = read(pieces(text.encode(), 1))

    assert whole == by_the_byte
    assert whole[0] == ids
    assert [": ".join(one.split(": ")[:1]) for one in whole[1]] == errors


def test_brackets_in_a_string_do_not_count_wherever_chunks_end() -> None:
    text = f'{{\n  "x" 1,\n  "y": {{"z": "}}}}}}"}}\n}}\n{B}\n'.encode()

    outcomes = [read(pieces(text, size)) for size in range(1, len(text))]

    error = "line 1: invalid JSON: expecting ':' delimiter, byte 8 of the value"
    assert outcomes == [(["b"], [error])] * (len(text) - 1)


def test_the_error_says_where_reading_continues_in_an_array() -> None:
    text = f'[{A}, {{"eventVersion": 1, "x": {{"y": 1, {B}]'

    [error] = read_text(text)[1]

    assert error.endswith(f"; reading continues at byte {text.index(B)}")


def test_the_error_says_that_nothing_more_could_be_read() -> None:
    [error] = read_text(f'[{A}, {{"eventVersion": 1, "x')[1]

    assert error.endswith("; nothing after it could be read")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"\ud800"', "\ud800"),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ("1e400", float("inf")),
        ("1" * 400, int("1" * 400)),
        ("[" * 2000 + "]" * 2000, json.loads("[" * 2000 + "]" * 2000)),
    ],
)
def test_json_that_the_importer_accepts_is_read_in_each_form(text: str, value: Any) -> None:
    record = f'{{"eventID": "a", "x": {text}}}'

    assert parse(text.encode()) == value
    assert read_text(f"{record}\n{record}\n")[0] == ["a", "a"]
    assert read_text(f"[{record}, {record}]")[0] == ["a", "a"]


@given(text=st.text(st.sampled_from('{}[]",:1.e-\\untr \n'), max_size=12))
def test_the_fast_parser_and_the_importer_accept_the_same_texts(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(NotJsonError):
            parse(text.encode())
    else:
        assert parse(text.encode()) == expected


@given(
    text=st.sampled_from(list(FORMS.values())),
    place=st.integers(0, 400),
    damage=st.sampled_from(
        [b"", b'"', b"{", b"}", b"[", b"]", b",", b"\\", b"\n", b"\xff", b"tru"]
    ),
    cut=st.integers(0, 3),
    size=st.integers(1, 80),
)
def test_damage_has_the_same_outcome_wherever_chunks_end(
    text: bytes, place: int, damage: bytes, cut: int, size: int
) -> None:
    damaged = text[:place] + damage + text[place + cut :]

    assert read(pieces(damaged, size)) == read([damaged])


def test_a_value_of_more_than_16_mib_is_an_error_and_the_others_are_read() -> None:
    long = '{"eventID": "' + "x" * MAX_VALUE_BYTES + '"}'

    lines = read(pieces(f"{A}\n{long}\n{B}".encode(), CHUNK_BYTES))
    array = read(pieces(f"[{A}, {long}, {B}]".encode(), CHUNK_BYTES))

    assert lines[0] == array[0] == ["a", "b"]
    assert lines[1][0].startswith("line 2: longer than 16 MiB")
    assert array[1][0].startswith("[1], byte 38: longer than 16 MiB")


class WatchedInput:
    """The chunks of a long file; it keeps how much its reader has in memory at each read."""

    def __init__(self, start: str, unit: str) -> None:
        block = unit * (CHUNK_BYTES // len(unit))
        self._chunks = chain([(start + block).encode()], repeat(block.encode(), CHUNKS))
        self.stream = RecordStream(self)
        self.in_memory: list[int] = []

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self.in_memory.append(len(self.stream.window.text))
        return next(self._chunks)


@pytest.mark.parametrize(
    ("start", "unit"),
    [
        ("", f"{A}\n"),
        ("", A),
        ("[", f"{A}, "),
        ("[", f'{A},\n\n   {{"eventID": tru}}, '),
        ('{"Records":[', f"{A},"),
        ("", " \n"),
    ],
)
def test_at_most_three_chunks_are_in_memory(start: str, unit: str) -> None:
    watched = WatchedInput(start, unit)

    values = sum(len(batch.values) for batch in watched.stream.batches())

    assert values >= CHUNKS * (CHUNK_BYTES // len(unit)) or not unit.strip()
    assert len(watched.in_memory) > CHUNKS
    assert max(watched.in_memory) <= 3 * CHUNK_BYTES


class TestInput:
    def test_a_truncated_gzip_stream_is_an_error_after_its_readable_part(self) -> None:
        packed = gzip.compress("".join(f"{GOOD % number}\n" for number in range(9999)).encode())
        stream = RecordStream(chunks(opened(packed[: len(packed) // 2])))

        count = sum(len(batch.values) for batch in stream.batches())

        assert count > 1000
        assert str(stream.window.failure) == "the gzip stream is truncated"

    @pytest.mark.parametrize("damaged", [-8, -1])
    def test_a_corrupt_gzip_stream_is_an_error_after_its_readable_part(self, damaged: int) -> None:
        packed = bytearray(gzip.compress(f"{A}\n{B}\n".encode()))
        packed[damaged] ^= 255
        stream = RecordStream(chunks(opened(bytes(packed))))

        values = [value for batch in stream.batches() for value in batch.values]

        assert [value["eventID"] for value in values] == ["a", "b"]
        assert str(stream.window.failure).startswith("the gzip stream is corrupt: ")

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    def test_utf_16_is_an_error(self, encoding: str) -> None:
        stream = opened(("\ufeff" + A).encode(encoding))

        with pytest.raises(InputError, match="got UTF-16, expected UTF-8"):
            list(chunks(stream))
