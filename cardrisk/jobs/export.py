"""Write cards the way platforms export them: GB18030, Chinese headers, spaced codes, a total line at the end."""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from cardrisk.tables import atomic_write

HEADERS: Final = {
    "submission_id": "订单号",
    "submitted_at": "提交时间",
    "channel": "渠道",
    "card_kind": "卡种",
    "batch_id": "批次号",
    "submitter_id": "商户",
    "submitter_registered_at": "注册时间",
    "submitter_credit_score": "信用分",
    "supplier_id": "供应商",
    "dealer_id": "经销商",
    "store_id": "门店",
    "client_ip": "IP",
    "device_id": "设备号",
    "entry_method": "录入方式",
    "medium": "介质",
    "photo_quality": "照片清晰度",
    "card_no": "卡号",
    "card_secret": "卡密",
    "face_value": "面值",
    "asking_price": "收购价",
    "region_issued": "归属地",
    "region_of_use": "使用地",
    "valid_until": "有效期",
    "account_bound": "是否绑定",
}
_TIMES: Final = ("submitted_at", "submitter_registered_at", "valid_until")


def write(cards: pd.DataFrame, path: Path, *, zone: str) -> Path:
    """Write an export file with the blemishes of real ones.

    Parameters
    ----------
    cards
        Submissions with their codes, times in UTC.
    path
        The CSV file, written whole.
    zone
        Local zone that the file's times are in; the file does not say so, as exports never do.

    Returns
    -------
    pathlib.Path
        ``path``.
    """
    out = cards[[name for name in HEADERS if name in cards]].copy()
    for name in _TIMES:
        if name in out:
            out[name] = out[name].dt.tz_convert(zone).dt.strftime("%Y-%m-%d %H:%M:%S.%f")
    for name in ("face_value", "asking_price"):
        if name in out:
            out[name] = [f"¥{value:,.2f}" if np.isfinite(value) else "" for value in out[name]]
    out = out.astype("object").where(out.notna(), "")
    out["card_no"] = [_grouped(code) if i % 3 == 0 else code for i, code in enumerate(out["card_no"])]
    out = _blemish(out).rename(columns=HEADERS)
    with atomic_write(path) as scratch:
        out.to_csv(scratch, index=False, encoding="gb18030", lineterminator="\r\n")
    return path


def _grouped(code: str) -> str:
    return " ".join(code[i : i + 4] for i in range(0, len(code), 4))


def _blemish(out: pd.DataFrame) -> pd.DataFrame:
    """One code mangled by a spreadsheet, one repeated order, one total line."""
    if len(out) < 3:
        return out
    mangled = out.iloc[[1]].assign(submission_id="mangled-1", card_no="6.22188E+15")
    total = pd.DataFrame([dict.fromkeys(out.columns, "") | {"submission_id": "合计", "face_value": "¥1,234.00"}])
    return pd.concat([out, mangled, out.iloc[[0]], total], ignore_index=True)
