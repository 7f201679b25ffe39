"""Files: what is a table is read to the letter, what is none is refused in one line."""

import io
from pathlib import Path

import pandas as pd
import pytest

from cardrisk.errors import InputError, MissingColumnError, UnusableFileError
from cardrisk.tables import SUBMISSIONS, check_submissions, read_cards, read_frame, read_table
from cardrisk.tables.delimited import _fast, _plain

TEXT = (
    "订单号,提交时间,商户,卡号,备注\r\n"
    "0012,2026-01-05 08:00,u1,00012345678901234567,卡\r\n"
    "0013,2026-01-05 09:00,u2,,\r\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_encoding_and_delimiter_reads_the_same(tmp_path: Path, encoding: str, delimiter: str) -> None:
    file = tmp_path / "cards.csv"
    file.write_bytes(TEXT.replace(",", delimiter).encode(encoding))
    valid = read_table(file, SUBMISSIONS, tz="Asia/Shanghai").valid
    assert valid["submission_id"].tolist() == ["0012", "0013"]
    assert valid["card_no"].iloc[0] == "00012345678901234567"
    assert valid["card_no"].isna().tolist() == [False, True]


def test_an_encoding_can_be_given_and_must_fit(tmp_path: Path) -> None:
    file = tmp_path / "cards.csv"
    file.write_bytes(TEXT.encode("big5", "ignore"))
    assert len(read_frame(file, encoding="big5")) == 2
    for encoding in ("ascii", "utf-8", "no such encoding"):
        with pytest.raises(UnusableFileError, match=f"expected text in {encoding}"):
            read_frame(file, encoding=encoding)


def test_standard_input_is_read_as_bytes() -> None:
    assert len(read_frame(io.BytesIO(TEXT.encode()))) == 2
    with pytest.raises(UnusableFileError, match="standard input: expected a file opened in binary mode"):
        read_frame(io.StringIO(TEXT))  # type: ignore[arg-type]


REFUSED = {
    "empty.csv": (b"", "got an empty file"),
    "blank.csv": (b" \r\n\r\n", "got an empty file"),
    "header.csv": (b"submission_id,submitted_at,store_id\n", "got no row"),
    "picture.csv": (b"\x89PNG\r\n\x1a\n\x00\x00", "expected a text table .*, got a picture"),
    "workbook.csv": (b"PK\x03\x04rest", "got an Excel workbook"),
    "old.xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "got an old Excel workbook"),
    "page.csv": (b"\n <HTML><table>", "got a web page"),
    "json.csv": (b'{"submission_id": 1}', "got JSON"),
    "lines.txt": (b'[{"a": 1}]', "got JSON"),
    "table.csv": (b"PAR1....", "expected a text table .*, got Parquet"),
    "text.parquet": (TEXT.encode(), "expected Parquet, got text"),
    "damaged.parquet": (b"PAR1" + b"x" * 100 + b"PAR1", "expected Parquet, got a damaged file"),
    "binary": (b"a,b\n\x00\x01\x02", "got a binary file"),
    "bytes.csv": (b"a,b\n\xff\xff\xff\x80\n", "expected text in UTF-8, UTF-16 or GB18030"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_no_table_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    data, match = REFUSED[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UnusableFileError, match=match) as caught:
        read_frame(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_folders_and_paths_that_lead_nowhere(tmp_path: Path) -> None:
    with pytest.raises(UnusableFileError, match="expected a file, got a folder"):
        read_frame(tmp_path)
    with pytest.raises(UnusableFileError, match=r"cannot be read \(No such file or directory\); check the path"):
        read_frame(tmp_path / "none.csv")
    with pytest.raises(UnusableFileError, match="cannot be read"):
        read_frame("a\x00b")


def test_a_file_without_a_header_line_never_shows_its_codes() -> None:
    data = b"1234567890123456,8765432187654321\n2234567890123456,7765432187654321\n"
    with pytest.raises(MissingColumnError, match="is the first line the header line") as caught:
        read_table(io.BytesIO(data), SUBMISSIONS)
    assert "1234" not in str(caught.value)


BODIES = [
    "a,b,c\n1,2,3\n4,5,6\n",
    "a,b,c\r\n1, 2 ,3\r\n\r\n4,,\r\n",
    "a,b\n" + "\n".join(f"{i},x{i}" for i in range(1000)),
    "a,b\n1,2\n,\n  ,\n",
    "a,b\nü,中\n=1,'x\n",
    "a,b\n1,x y\n\n\n2,z",
]


@pytest.mark.parametrize("body", BODIES)
def test_the_fast_parser_gives_what_the_plain_one_gives(body: str) -> None:
    header = body.split("\n", 1)[0].strip().split(",")
    fast = _fast(body, ",", header)
    assert fast is not None
    pd.testing.assert_frame_equal(fast, _plain(body, ",", header))


@pytest.mark.parametrize("body", ['a,b\n"1",2\n', "a,b\r1,2\r", "a,b\n1,2,3\n", "a,b\n1\n", "a\n \nx\n"])
def test_the_fast_parser_leaves_doubtful_text_to_the_plain_one(body: str) -> None:
    assert _fast(body, ",", ["a", "b"] if "," in body else ["a"]) is None


def test_lines_with_too_many_or_too_few_cells_are_quarantined_and_keep_their_place() -> None:
    lines = ["order_id,submit_time,merchant,price", "a,2026-01-05T00:00Z,u,1", "b,2026-01-05T00:00Z,u,1,2", "c,2026"]
    data = "\n".join([*lines, "d,2026-01-05T00:00Z,u,3,"])
    checked = read_table(io.BytesIO(data.encode()), SUBMISSIONS)
    assert checked.quarantined[["row", "rule"]].to_numpy().tolist() == [[1, "ragged_line"], [2, "ragged_line"]]
    assert checked.valid["asking_price"].tolist() == [1.0, 3.0]


def test_parquet_keeps_integers_beyond_a_float(tmp_path: Path) -> None:
    codes = [12345678901234567, None, 98765432109876543]
    frame = pd.DataFrame(
        {"order_id": ["a", "b", "c"], "submit_time (UTC)": pd.to_datetime(["2026-01-05"] * 3), "batch": "b"}
    )
    frame["card_no"] = pd.array(codes, dtype="Int64")
    frame.to_parquet(tmp_path / "cards.parquet")
    valid = read_table(tmp_path / "cards.parquet", SUBMISSIONS).valid
    assert valid["card_no"].dropna().tolist() == ["12345678901234567", "98765432109876543"]


def test_read_cards_tells_a_table_from_a_batch_text(tmp_path: Path) -> None:
    batch, table = tmp_path / "paste.txt", tmp_path / "cards.txt"
    batch.write_text("卡号,卡密\n1234567890,0987654321\n", encoding="utf-8")
    table.write_text(TEXT, encoding="utf-8")
    cards = read_cards(batch, kind="wanmei", face_value=100, submitter="u1", submitted_at="2026-01-05T00:00Z")
    valid = check_submissions(cards).valid.iloc[0]
    assert (valid["submission_id"], valid["batch_id"], valid["submitter_id"]) == ("paste-0002", "paste", "u1")
    assert (valid["card_no"], valid["card_secret"], valid["face_value"]) == ("1234567890", "0987654321", 100.0)
    assert read_cards(table).columns[0] == "订单号"
    with pytest.raises(InputError, match=r"expected a batch text, since .* got a table"):
        read_cards(table, kind="wanmei")
