"""Write the export files beside this script the way platforms write them, and what each must come to.

Every code is invented: random digits, no issuer's prefix, no check digit. Run it from anywhere; it writes the
same files every time. ``expected/<file>.json`` says how many rows go in, how many are scored, and which rule
quarantines each of the others (row number to rule, counted from 0 below the header).
"""

import csv
import io
import json
import random
import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


def digits(rng: random.Random, length: int) -> str:
    """Give an invented code that neither starts nor ends with 0."""
    return str(rng.randint(1, 9)) + "".join(str(rng.randint(0, 9)) for _ in range(length - 2)) + str(rng.randint(1, 9))


def delimited(header: str, rows: list[list[object]], delimiter: str = ",") -> str:
    """Give a table as delimited text with the line ends of Windows; ``header`` has commas between its names."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(header.split(","))
    writer.writerows(rows)
    return out.getvalue()


def orders_gb18030(rng: random.Random) -> tuple[bytes, dict[int, str], int]:
    """Chinese headers, full-width digits, blanks and hyphens in codes, ¥, thousands, a total line."""
    header = "订单号,提交时间(北京时间),渠道,卡种,商户,批次号,卡号,卡密,面值,收购价(元),归属地,使用地,有效期,状态,备注"
    rows: list[list[object]] = []
    for i in range(40):
        number, secret = digits(rng, 17), digits(rng, 18)
        if i % 4 == 1:
            number = number.translate(WIDE)
        if i % 4 == 2:
            secret = " ".join(secret[j : j + 6] for j in range(0, 18, 6))
        if i % 4 == 3:
            number = f"{number[:5]}-{number[5:11]}-{number[11:]}"
        face = rng.choice([50, 100, 1000])
        rows.append(
            [
                f"DD20260105{i:04d}",
                f"2026-01-05 {8 + i // 10:02d}:{i:02d}:00",
                ["电商", "垂直", "线下"][i % 3],
                ["移动", "中国移动充值卡", "移动卡"][i % 3],
                f"商户{i % 5:02d}",
                f"P{i // 10}",
                number,
                secret,
                f"¥{face:,.2f}" if i % 2 else f"{face}元".translate(WIDE),
                f"￥{face * 0.93:,.2f}",
                "江苏",
                "江苏" if i % 7 else "广东",
                "2028年12月31日",
                "处理中",
                f"备注{i}",
            ]
        )
    rows[7][8] = "-100"
    rows[11][8] = "面议"
    rows[13][2] = "某平台"
    rows[17][12] = "9999-12-31"
    rows.append(["合计", "", "", "", "", "", "", "", "¥12,345.00", "", "", "", "", "", "40 笔"])
    broken = {
        7: "negative_money",
        11: "unreadable_money",
        13: "unknown_value",
        17: "time_out_of_range",
        40: "total_line",
    }
    return delimited(header, rows).encode("gb18030"), broken, len(rows)


def excel_mangled(rng: random.Random) -> tuple[bytes, dict[int, str], int]:
    """Opened and saved by a spreadsheet: long codes in scientific notation, digits gone for good."""
    header = "Order No,Submit Time (UTC+8),Merchant,Card Type,Card Number,Card PIN,Denomination"
    rows, broken = [], {}
    for i in range(30):
        number, secret = digits(rng, 16), digits(rng, 17)
        if i % 3 == 0:
            number = f"{float(number):.5E}".replace("E+", "E+")
            broken[i] = "mangled_number"
        elif i % 3 == 1:
            number, secret = f'="{number}"', f"'{secret}"
        if i == 20:
            secret, broken[i] = f"{float(secret):.11e}", "mangled_number"
        rows.append(
            [f"E{i:05d}", f"2026/1/{1 + i % 9} {i % 24}:05", f"M{i % 4}", "江苏移动充值卡", number, secret, 100]
        )
    return ("\ufeff" + delimited(header, rows)).encode(), broken, len(rows)


def excel_rounded(rng: random.Random) -> tuple[bytes, dict[int, str], int]:
    """Saved as numbers without decimals: every code keeps 15 digits, the rest are zeros; only secrets survived."""
    header = "订单编号,下单时间（北京时间）,供应商,卡类型,卡号,密码,面额"
    rows = [
        [f"R{i:04d}", f"2026-01-06 10:{i:02d}", "S1", "联通", digits(rng, 15), digits(rng, 15) + "0000", 50]
        for i in range(12)
    ]
    rows.append(["R0012", "2026-01-06 10:12", "S1", "联通", digits(rng, 15), digits(rng, 19), 50])
    broken = dict.fromkeys(range(12), "mangled_number")
    return delimited(header, rows).encode("gb18030"), broken, len(rows)


def mixed_dates(rng: random.Random) -> tuple[bytes, dict[int, str], int]:
    """One column, every way people write a time."""
    moments = {
        "2026-01-05 08:00:00": "",
        "2026/1/5 8:00": "",
        "2026年1月5日 8时00分": "",
        "2026年1月5日 下午3点05分": "",
        "2026-01-05T08:00:00+08:00": "",
        "2026-01-05T00:00:00Z": "",
        "2026-01-05T08:00:00.123456+0800": "",
        "20260105080000": "",
        "20260105": "",
        "2026.01.05 08:00": "",
        "46027.333333333336": "",
        "1767571200": "",
        "1767571200123": "",
        "２０２６－０１－０５ ０８：００": "",
        "9999-12-31 00:00:00": "time_out_of_range",
        "1970-01-01 00:00:00": "time_out_of_range",
        "01/05/2026 08:00": "ambiguous_date",
        "2026-02-30 08:00:00": "unreadable_time",
        "2026-01-05 25:00:00": "unreadable_time",
        "昨天": "unreadable_time",
        "": "missing_required",
        "inf": "unreadable_time",
    }
    header = "流水号,提交时间（UTC+8）,门店,卡种,卡号,卡密,面值"
    rows = [
        [f"T{i:03d}", moment, "店铺9", "骏网一卡通", digits(rng, 16), digits(rng, 16), 30]
        for i, moment in enumerate(moments)
    ]
    broken = {i: rule for i, rule in enumerate(moments.values()) if rule}
    return ("\ufeff" + delimited(header, rows)).encode(), broken, len(rows)


def duplicate_orders(rng: random.Random) -> tuple[bytes, dict[int, str], int]:
    """Order numbers twice: exact, with blanks, in full width; and a broken row whose repaired copy follows."""
    header = "订单号,提交时间（北京时间）,用户ID,设备号,IP,卡种,卡号,卡密,面值"
    ids = ["A1", "A2", "A1", " A2 ", "Ａ１", "A3", "A3", "", "A4"]
    rows = [
        [order, f"2026-01-05 09:{i:02d}:00", "u7", f"dev{i}", f"10.0.0.{i}", "Q币", digits(rng, 9), digits(rng, 12), 10]
        for i, order in enumerate(ids)
    ]
    rows[5][8] = "∞"
    duplicate = "duplicate_submission_id"
    broken = {2: duplicate, 3: duplicate, 4: duplicate, 5: "not_finite", 7: "missing_required"}
    return delimited(header, rows).encode(), broken, len(rows)


def english_bom(rng: random.Random) -> tuple[bytes, dict[int, str], int]:
    """UTF-8 with BOM, canonical headers, times with a zone; unknown kinds, zero amounts and empty cells are valid."""
    header = (
        "submission_id,submitted_at,channel,card_kind,submitter_id,supplier_id,"
        "client_ip,entry_method,medium,photo_quality,card_no,card_secret,"
        "face_value,asking_price,account_bound,internal_note"
    )
    rows = [
        [
            f"s{i}", f"2026-01-05T0{i % 9}:00:00.{i:06d}+08:00", "ecommerce", ["jd_ecard", "moon_card"][i % 2],
            f"u{i % 3}", "", "192.0.2.7", "photo", "", 0.5, "", digits(rng, 16), 0 if i == 3 else 100, 92.5,
            ["true", "", "no"][i % 3], "",
        ]
        for i in range(20)
    ]  # fmt: skip
    rows[4][4] = ""
    rows[6][9] = 1.5
    rows[8][14] = "perhaps"
    rows[9][13] = "NaN"
    broken = {6: "out_of_range", 8: "unreadable_flag"}
    rows[4][6] = ""
    broken[4] = "missing_entity"
    return ("\ufeff" + delimited(header, rows)).encode(), broken, len(rows)


def offline_utf16(rng: random.Random) -> tuple[bytes, dict[int, str], int]:
    """A spreadsheet's "Unicode text": UTF-16, tabs, title lines above the header, a cut-off last line."""
    header = "订单号,受理时间（北京时间）,提交时间（北京时间）,经销商,门店,录入方式,介质,卡种,卡号,卡密,面值"
    rows = [
        [f"X{i}", f"2026-01-07 1{i}:00:09", f"2026-01-07 1{i}:00", "D1", f"店{i}", "手输", "实体卡", "电信",
         digits(rng, 19), digits(rng, 18), "30.00"]
        for i in range(6)
    ]  # fmt: skip
    body = (
        "门店收卡日报\r\n导出时间：2026-01-07\r\n" + delimited(header, rows, "\t") + "X6\t2026-01-07 16:00:09\t2026-01"
    )
    return body.encode("utf-16"), {6: "ragged_line"}, 7


def semicolons(rng: random.Random) -> tuple[bytes, dict[int, str], int]:
    """Semicolons, quoted cells with the delimiter and a line end inside, an extra cell, formulas as text."""
    header = "order_id,submit_time(UTC),merchant_id,card_type,card_number,pin,price,comment"
    rows: list[list[object]] = [
        [f"=cmd|{i}" if i == 2 else f"q{i}", f"2026-01-0{i + 1} 12:00:00", "m;1", "netease",
         digits(rng, 13), digits(rng, 9), "1,234.50", "two\nlines"]
        for i in range(5)
    ]  # fmt: skip
    rows[3].append("one too many")
    rows[4][4] = "12\x0734"
    return delimited(header, rows, ";").encode(), {3: "ragged_line", 4: "bad_characters"}, 5


def batch(rng: random.Random) -> tuple[bytes, dict[int, str], int]:
    """Pasted by a seller: one number and secret a line, however they separated the two."""
    lines = ["卡号 卡密"]
    for i in range(12):
        number, secret = digits(rng, 16), digits(rng, 16)
        lines.append(
            [f"{number} {secret}", f"{number}\t{secret}", f"卡号：{number} 卡密：{secret}", f"{number}----{secret}"][
                i % 4
            ]
        )
    lines += ["", digits(rng, 16), f"{digits(rng, 4)} {digits(rng, 4)} {digits(rng, 4)}"]
    return "\n".join(lines).encode(), {12: "line_without_secret", 13: "unreadable_line"}, 14


def parquet(rng: random.Random) -> tuple[bytes, dict[int, str], int]:
    """A data warehouse's table: integer and float codes, nulls, naive times told by the header."""
    n = 10
    numbers: list[float | None] = [float(digits(rng, 10)) for _ in range(n)]
    numbers[3], numbers[5] = None, 1.2345678901234567e17
    frame = pd.DataFrame(
        {
            "Submission-ID": pd.array(range(1000, 1000 + n), dtype="Int64"),
            "Submitted At (UTC)": pd.date_range("2026-01-05", periods=n, freq="h", unit="ns"),
            "Batch": ["b1"] * n,
            "card_kind": pd.Categorical(["wanmei", "sohu"] * (n // 2)),
            "card_no": numbers,
            "card_secret": [int(digits(rng, 15)) for _ in range(n)],
            "face_value": [10.0, 0.0, None, -1.0, 5.0, 5.0, float("inf"), 5.0, 5.0, 5.0],
            "account_bound": pd.array([True, None] * (n // 2), dtype="boolean"),
        }
    )
    out = io.BytesIO()
    frame.to_parquet(out, index=False)
    return out.getvalue(), {3: "negative_money", 5: "mangled_number", 6: "not_finite"}, n


def outcomes(rng: random.Random) -> tuple[bytes, dict[int, str], int]:
    """Answers of a gateway, GB18030: statuses and causes in Chinese, a revision of the same order."""
    header = "订单号,完成时间（北京时间）,状态,失败原因,返回码,返回信息,结算金额,来源"
    rows = [
        ["A1", "2026-01-05 09:00:30", "充值成功", "", "0", "ok", "¥50.00", "接口"],
        ["A2", "2026-01-05 09:01:30", "失败", "已使用", "7", "卡已被使用", "0", "接口"],
        ["A3", "2026-01-05 09:02:30", "部分成功", "余额不足", "9", "", "12.5元", "接口"],
        ["A1", "2026-01-08 12:00:00", "失败", "已使用", "", "买家申诉", "0", "申诉"],
        ["A4", "2026-01-05 09:03:00", "也许", "", "", "", "", ""],
        ["A5", "", "成功", "", "", "", "", ""],
        ["总计", "", "4笔", "", "", "", "62.50", ""],
    ]
    broken = {4: "unknown_value", 5: "missing_required", 6: "total_line"}
    return delimited(header, rows).encode("gb18030"), broken, len(rows)


FILES = {
    "orders_gb18030.csv": orders_gb18030,
    "excel_mangled.csv": excel_mangled,
    "excel_rounded.csv": excel_rounded,
    "mixed_dates.csv": mixed_dates,
    "duplicate_orders.csv": duplicate_orders,
    "english_bom.csv": english_bom,
    "offline_utf16.tsv": offline_utf16,
    "semicolons.csv": semicolons,
    "batch.txt": batch,
    "warehouse.parquet": parquet,
    "outcomes/outcomes_gb18030.csv": outcomes,
}


def main(folder: Path = HERE) -> None:
    """Write every file and what it must come to."""
    for place, (name, build) in enumerate(FILES.items()):
        data, broken, rows = build(random.Random(20260105 + place))
        target, expected = folder / name, folder / "expected" / f"{Path(name).name}.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        expected.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        rules = {str(row): broken[row] for row in sorted(broken)}
        said = {"rows": rows, "scored": rows - len(broken), "quarantined": rules}
        expected.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
