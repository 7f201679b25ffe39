"""What a submitter is told: what to do next, nothing about how it is known.

Correctness: the text depends on the decision, and on the cause only where the submitter can act on it; causes that
would tell whether a card was seen before, or how forgeries are found, all give the same words.
"""

from typing import Final

from cardrisk.risk.evidence import Language

_ACTIONABLE: Final[dict[str, tuple[str, str]]] = {
    "mistyped": ("Please check the number and the secret against the card.", "请对照卡面核对卡号和卡密。"),
    "bad_format": ("Please check the number and the secret against the card.", "请对照卡面核对卡号和卡密。"),
    "expired": ("Please check the date until which the card is valid.", "请核对卡片的有效期。"),
    "not_activated": ("Please check that the card was activated where it was bought.", "请确认购卡时该卡已被激活。"),
    "bound_to_account": ("Please check whether the card is bound to an account.", "请确认该卡是否已绑定账户。"),
    "wrong_face_value": ("Please check the face value you declared.", "请核对所填面值。"),
    "region_mismatch": ("Please state the region the card was issued for.", "请填写该卡的发行地区。"),
    "rate_limited": ("The issuer limits the pace; the card waits its turn.", "发卡方限制提交频率,请稍候。"),
    "issuer_busy": ("The issuer is busy; the card waits its turn.", "发卡方系统繁忙,请稍候。"),
}

_BY_DECISION: Final[dict[str, tuple[str, str]]] = {
    "accept": ("The card is accepted.", "卡片已受理。"),
    "reject": ("We cannot take this card.", "该卡暂不收取。"),
}

_OTHERWISE: Final = ("The card is being looked at.", "卡片正在核对中。")


def advice(cause: object, decision: object, language: Language) -> list[str]:
    """Give what a submitter may read about one card: one sentence, or two where there is something to check."""
    place = 0 if language == "en" else 1
    said = [_BY_DECISION.get(str(decision), _OTHERWISE)[place]]
    hint = _ACTIONABLE.get(str(cause))
    if hint is not None and decision != "accept":
        said.append(hint[place])
    return said
