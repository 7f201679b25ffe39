"""Evidence in words: one declared feature and its value become one sentence, English or Chinese.

Correctness: a sentence states the value of the feature for this card, rounded, and nothing else; a feature without a
template of its own is told by its name and value. No sentence holds a code or a token.
"""

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

from cardrisk.features import Feature
from cardrisk.risk import phrases

Language: TypeAlias = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")
Row: TypeAlias = Mapping[str, object]

_ENTITIES: Final[dict[str, tuple[str, str]]] = {
    "submitter": ("this submitter", "该提交人"),
    "supplier": ("this supplier", "该供应商"),
    "dealer": ("this dealer", "该经销商"),
    "store": ("this store", "该门店"),
    "batch": ("this batch", "该批次"),
    "ip": ("this IP address", "该 IP 地址"),
    "device": ("this device", "该设备"),
    "card": ("this very card", "这张卡"),
    "number": ("this card number", "该卡号"),
    "secret": ("this card secret", "该卡密"),
    "serial": ("the neighbouring serial numbers", "相邻序列号"),
    "lot": ("this lot", "该批号"),
    "channel": ("this channel", "该渠道"),
    "date_lot": ("cards of this kind, value and date", "同卡种、面值与有效期的卡"),
    "region_lot": ("cards of this kind, value and region", "同卡种、面值与地区的卡"),
    "submitter_lot": ("this submitter's cards of this kind and value", "该提交人同卡种与面值的卡"),
    "store_lot": ("this store's cards of this kind and value", "该门店同卡种与面值的卡"),
    "dealer_lot": ("this dealer's cards of this kind and value", "该经销商同卡种与面值的卡"),
    "ip_kind": ("cards of this kind from this IP address", "该 IP 地址的同类卡"),
    "kind": ("this kind of card", "该卡种"),
    "kind_face": ("this kind and face value", "该卡种与面值"),
    "supplier_kind": ("this supplier's cards of this kind", "该供应商的同类卡"),
    "ring": ("the linked cards", "关联卡群"),
    "submitter_burst": ("this submitter's present run", "该提交人本轮连续提交"),
    "ip_burst": ("this address's present run", "该地址本轮连续提交"),
    "all": ("all cards", "全部卡片"),
}

_WINDOWS: Final[dict[str | None, tuple[str, str]]] = {
    "1h": ("in the last hour", "近 1 小时"),
    "1d": ("in the last day", "近 1 天"),
    "7d": ("in the last 7 days", "近 7 天"),
    "30d": ("in the last 30 days", "近 30 天"),
    "life": ("so far", "迄今"),
    None: ("so far", "迄今"),
}

_CAUSES: Final[dict[str, tuple[str, str]]] = {
    "bad_format": ("bad format", "格式错误"),
    "mistyped": ("mistyped", "录入错误"),
    "forged": ("forged", "伪造"),
    "already_used": ("already used", "已被使用"),
    "expired": ("expired", "已过期"),
    "not_activated": ("not activated", "未激活"),
    "bound_to_account": ("bound to an account", "已绑定账户"),
    "insufficient_balance": ("partly spent", "余额不足"),
    "wrong_face_value": ("wrong face value", "面值不符"),
    "region_mismatch": ("wrong region", "地区不符"),
    "rate_limited": ("rate limited", "提交过频"),
    "batch_invalid": ("batch invalid", "批次无效"),
    "issuer_busy": ("issuer busy", "发卡方繁忙"),
}

_TOPICS: Final[dict[str, str]] = {
    **dict.fromkeys(("failed", "failure_share", "known", "cause", "cause_share", "top_share"), "failures"),
    **dict.fromkeys(("price_level", "price_vs_usual", "price_ratio"), "price"),
    **dict.fromkeys(("count", "sum", "mean", "distinct", "pace", "regularity", "since_last", "unanswered"), "volume"),
}

Pair: TypeAlias = tuple[str, str]


def topic(feature: Feature) -> str:
    """Name of what a feature is evidence of; features of one topic share one reason."""
    if feature.key is None:
        return "code" if feature.name.startswith("code_") else feature.name
    return f"{feature.key.name} {_TOPICS.get(feature.statistic, feature.statistic)}"


def sentence(feature: Feature, row: Row, language: Language) -> str | None:
    """Tell one feature of one card.

    Parameters
    ----------
    feature
        The declaration.
    row
        Features of the card by name; the ones beside it make the sentence richer.
    language
        ``"en"`` or ``"zh"``.

    Returns
    -------
    str or None
        None where the value is null: what is not known is no evidence.
    """
    value = row.get(feature.name)
    if value is None or value != value:
        return None
    if feature.dtype == "str":
        pair = _category(feature, str(value))
    else:
        number = float(value)  # type: ignore[arg-type]
        maker = _MAKERS.get(feature.name) or _MAKERS.get(feature.statistic) or _plain
        pair = maker(feature, number, row)
    said = pair[0 if language == "en" else 1]
    return said[0].upper() + said[1:]


def _who(feature: Feature) -> Pair:
    key = feature.key.name if feature.key else "card"
    return _ENTITIES.get(key, (f"this {key.replace('_', ' ')}", f"该 {key}"))


def _when(feature: Feature) -> Pair:
    return _WINDOWS.get(feature.window, (f"within {feature.window}", f"{feature.window} 内"))


def _count(number: float) -> str:
    return f"{number:,.0f}"


def _percent(number: float) -> str:
    return f"{100 * number:.0f} %"


def _cause(feature: Feature) -> Pair:
    return _CAUSES.get(feature.of or "", (feature.of or "", feature.of or ""))


def _beside(feature: Feature, statistic: str, row: Row) -> float | None:
    """Value of another statistic over the same key and window, where it is at hand."""
    if feature.key is None:
        return None
    value = row.get(f"{feature.key.name}_{statistic}_{feature.window}")
    return None if value is None or value != value else float(value)  # type: ignore[arg-type]


def _failed(feature: Feature, number: float, row: Row) -> Pair:
    (who, wer), (when, wann) = _who(feature), _when(feature)
    known = _beside(feature, "known", row)
    if known is not None:
        return (
            f"{_count(number)} of {_count(known)} answered cards of {who} failed {when}",
            f"{wann}{wer}已有结果的 {_count(known)} 张卡中 {_count(number)} 张失败",
        )
    return f"{_count(number)} cards of {who} failed {when}", f"{wann}{wer}有 {_count(number)} 张卡失败"


def _failure_share(feature: Feature, number: float, row: Row) -> Pair:
    failed = _beside(feature, "failed", row)
    if failed:
        return _failed(feature, failed, row)
    (who, wer), (when, wann) = _who(feature), _when(feature)
    return (
        f"{_percent(number)} of the cards of {who} are expected to fail, from the answers {when}",
        f"按{wann}的结果,{wer}的卡预计有 {_percent(number)} 失败",
    )


def _cause_share(feature: Feature, number: float, row: Row) -> Pair:
    (who, wer), (when, wann), (cause, grund) = _who(feature), _when(feature), _cause(feature)
    share = _percent(number)
    return f"{share} of the answers on {who} {when} said: {cause}", f"{wann}{wer}的结果中 {share} 为{grund}"


def _cause_count(feature: Feature, number: float, row: Row) -> Pair:
    (who, wer), (when, wann), (cause, grund) = _who(feature), _when(feature), _cause(feature)
    count = _count(number)
    return f"{count} answers on {who} {when} said: {cause}", f"{wann}{wer}有 {count} 条结果为{grund}"


def _top_share(feature: Feature, number: float, row: Row) -> Pair:
    (who, wer), (when, wann) = _who(feature), _when(feature)
    share = _percent(number)
    return (
        f"{share} of the failures of {who} {when} came with the same message",
        f"{wann}{wer}的失败中 {share} 返回同一信息",
    )


def _cards(feature: Feature, number: float, row: Row) -> Pair:
    (who, wer), (when, wann) = _who(feature), _when(feature)
    return f"{_count(number)} earlier cards of {who} {when}", f"{wann}{wer}已提交 {_count(number)} 张卡"


def _unanswered(feature: Feature, number: float, row: Row) -> Pair:
    (who, wer), (when, wann) = _who(feature), _when(feature)
    return (
        f"{_count(number)} cards of {who} {when} have no answer yet",
        f"{wann}{wer}有 {_count(number)} 张卡尚无结果",
    )


def _since_last(feature: Feature, number: float, row: Row) -> Pair:
    who, wer = _who(feature)
    return f"last seen {number:.1f} hours ago: {who}", f"{wer}上次出现在 {number:.1f} 小时前"


def _since_first(feature: Feature, number: float, row: Row) -> Pair:
    who, wer = _who(feature)
    return f"first seen {number:.1f} days ago: {who}", f"{wer}首次出现在 {number:.1f} 天前"


def _price_level(feature: Feature, number: float, row: Row) -> Pair:
    (who, wer), (when, wann) = _who(feature), _when(feature)
    share = _percent(number)
    return f"{who} sold at {share} of face value {when}", f"{wann}{wer}的平均售价为面值的 {share}"


def _price_vs_usual(feature: Feature, number: float, row: Row) -> Pair:
    who, wer = _who(feature)
    share = _percent(number)
    return f"the price is {share} of what is usual for {who}", f"报价为{wer}常价的 {share}"


def _price_ratio(feature: Feature, number: float, row: Row) -> Pair:
    return f"the asking price is {_percent(number)} of face value", f"要价为面值的 {_percent(number)}"


def _pace(feature: Feature, number: float, row: Row) -> Pair:
    who, wer = _who(feature)
    return f"{number:.1f} times the usual pace: {who}", f"{wer}的提交速度为平时的 {number:.1f} 倍"


def _valid_until(feature: Feature, number: float, row: Row) -> Pair:
    if number < 0:
        return f"expired {-number:.0f} days ago", f"已过期 {-number:.0f} 天"
    return f"valid for another {number:.0f} days", f"剩余有效期 {number:.0f} 天"


def _registered(feature: Feature, number: float, row: Row) -> Pair:
    return f"the submitter registered {number:.0f} days ago", f"提交人注册于 {number:.0f} 天前"


def _out_of_region(feature: Feature, number: float, row: Row) -> Pair:
    if number > 0:
        return "the card is used outside the region it was issued for", "该卡在发行地区之外使用"
    return "the card is used in the region it was issued for", "该卡在发行地区内使用"


def _category(feature: Feature, value: str) -> Pair:
    said = phrases.BY_WORD.get((feature.name, value))
    return said or (f"{feature.name.replace('_', ' ')}: {value}", f"{feature.name}: {value}")


def _plain(feature: Feature, number: float, row: Row) -> Pair:
    if feature.name in phrases.BY_FLAG:
        return phrases.BY_FLAG[feature.name][number > 0]
    if (feature.name, number) in phrases.BY_NUMBER:
        return phrases.BY_NUMBER[feature.name, number]
    pair = phrases.BY_NAME.get(feature.name) or phrases.BY_STATISTIC.get(feature.statistic)
    if pair is not None:
        english, chinese = (
            text.format(n=_short(number), share=_percent(number), who=who, when=when)
            for text, who, when in zip(pair, _who(feature), _when(feature), strict=True)
        )
        return english, chinese
    return phrases.length_off(feature.name, number) or _bare(feature, number)


def _short(number: float) -> str:
    return f"{number:,.0f}" if number == round(number) or abs(number) >= 100 else f"{number:.1f}"


def _bare(feature: Feature, number: float) -> Pair:
    said = f"{feature.name.replace('_', ' ')}: {number:.4g}"
    return f"{said} {feature.unit}" if feature.key else said, f"{feature.name} = {number:.4g}"


_MAKERS: Final[dict[str, Callable[[Feature, float, Row], Pair]]] = {
    "failed": _failed,
    "failure_share": _failure_share,
    "cause_share": _cause_share,
    "cause": _cause_count,
    "top_share": _top_share,
    "count": _cards,
    "unanswered": _unanswered,
    "since_last": _since_last,
    "since_first": _since_first,
    "price_level": _price_level,
    "price_vs_usual": _price_vs_usual,
    "price_ratio": _price_ratio,
    "pace": _pace,
    "days_until_valid_until": _valid_until,
    "days_since_submitter_registered_at": _registered,
    "region_mismatch": _out_of_region,
}
