"""Evidence that needs no more than its own number or word: one English and one Chinese phrase each.

Correctness: a phrase states the value it is given and nothing else. ``{n}`` is the number, ``{share}`` the same as a
percentage, ``{who}`` and ``{when}`` the entity and the window.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

Pair: TypeAlias = tuple[str, str]

BY_STATISTIC: Final[Mapping[str, Pair]] = {
    "known": ("{n} answers are known about {who} {when}", "{when}{who}有 {n} 张卡已有结果"),
    "mean": ("{who} handed in {n} yuan a card on average {when}", "{when}{who}平均每张卡 {n} 元"),
    "sum": ("{who} handed in {n} yuan {when}", "{when}{who}共提交 {n} 元"),
    "regularity": (
        "gaps between the cards of {who} {when} spread by {n} times their mean (0: as a machine)",
        "{when}{who}提交间隔的离散程度为均值的 {n} 倍(0 如机器)",
    ),
    "surprise": (
        "secrets of {who} {when}: as far from random as one in 10^{n} of an issuer's",
        "{when}{who}卡密的非随机程度:发卡方卡密出现此情况的概率约 1/10^{n}",
    ),
}
"""Statistics of an entity over a window."""

BY_NAME: Final[Mapping[str, Pair]] = {
    "face_value": ("the face value is {n} yuan", "面值 {n} 元"),
    "submitter_credit_score": ("the submitter's credit score is {n}", "提交人信用分为 {n}"),
    "photo_quality": ("the photo's quality is {n} (1: sharp)", "照片质量为 {n}(1 为清晰)"),
    "hour": ("handed in at {n} o'clock", "提交时间为 {n} 时"),
    "code_kinds_fitting": ("the code's shape fits {n} known kinds of card", "卡号卡密符合 {n} 个已知卡种的格式"),
    "code_stray": ("{n} characters that this kind does not have", "有 {n} 个该卡种不应出现的字符"),
    "code_lookalike": ("{n} characters that look like another one (O for 0)", "有 {n} 个形近字符(如 O 与 0)"),
    "code_unreadable": ("{n} characters that cannot be read", "有 {n} 个无法辨认的字符"),
    "code_secret_run": ("one character {n} times in a row in the secret", "卡密中同一字符连续 {n} 次"),
    "code_secret_sequence": (
        "{n} characters of the secret go up or down by one",
        "卡密中有 {n} 个连续递增或递减的字符",
    ),
    "code_secret_surprise": (
        "the secret's characters repeat more than chance: {n} bits",
        "卡密字符重复超出随机水平:{n} 比特",
    ),
    "code_number_progression": (
        "{share} of the numbers handed in together stand at one step",
        "同批提交的卡号有 {share} 呈等差",
    ),
    "code_secret_progression": (
        "{share} of the secrets handed in together stand at one step",
        "同批提交的卡密有 {share} 呈等差",
    ),
    "request_cards": ("{n} cards were handed in together", "同批共提交 {n} 张卡"),
    "request_repeated": ("{n} cards of those handed in together are repeats", "同批中有 {n} 张卡重复"),
    "request_same_secret": ("{n} cards handed in together share a secret", "同批中有 {n} 张卡卡密相同"),
    "request_serial_blocks": ("cards of {n} serial blocks were handed in together", "同批卡来自 {n} 个序列段"),
    "request_surprise": (
        "secrets handed in together: as far from random as one in 10^{n} of an issuer's",
        "同批卡密的非随机程度:发卡方卡密出现此情况的概率约 1/10^{n}",
    ),
    "ring_cards": ("{n} cards are linked to this one", "与该卡关联的卡有 {n} 张"),
    "ring_failed": ("{n} of the linked cards failed", "关联卡中有 {n} 张失败"),
    "ring_failure_share": ("{share} of the linked cards failed", "关联卡失败率为 {share}"),
    "lot_distinct_submitter_id_7d": ("{n} people handed in cards of this lot {when}", "{when}有 {n} 人提交该批号的卡"),
    "device_distinct_submitter_id_1d": ("{n} people used this device {when}", "{when}有 {n} 人使用该设备"),
    "card_distinct_submitter_id_30d": ("{n} people handed in this very card {when}", "{when}有 {n} 人提交过这张卡"),
    "number_distinct_secret_token_30d": ("this number came with {n} secrets {when}", "{when}该卡号配过 {n} 个卡密"),
    "secret_distinct_number_token_30d": ("this secret came with {n} numbers {when}", "{when}该卡密配过 {n} 个卡号"),
}
"""Numbers of the card itself, and what an entity is counted with."""

BY_NUMBER: Final[Mapping[tuple[str, float], Pair]] = {
    ("code_kinds_fitting", 0.0): ("the code's shape fits no known kind of card", "卡号卡密的格式不属于任何已知卡种"),
    ("code_kinds_fitting", 1.0): ("the code's shape fits one known kind of card", "卡号卡密的格式只符合 1 个已知卡种"),
    ("code_kinds_fitting", 6.0): (
        "the code's shape fits six or more known kinds of card",
        "卡号卡密符合 6 个或更多已知卡种的格式",
    ),
}
"""Single numbers that say more than a number does; the count of kinds ends at six."""

BY_FLAG: Final[Mapping[str, tuple[Pair, Pair]]] = {
    "account_bound": (
        ("the card is not bound to an account", "该卡未绑定账户"),
        ("the card is bound", "该卡已绑定账户"),
    ),
    "resubmitted": (("this card was not handed in before", "该卡此前未提交过"), ("handed in before", "该卡此前提交过")),
    "code_fields_equal": (
        ("number and secret differ", "卡号与卡密不同"),
        ("number and secret are one code, pasted twice", "卡号与卡密相同,疑为重复粘贴"),
    ),
    "code_secret_periodic": (
        ("the secret repeats no block", "卡密无循环"),
        ("the secret is one block over and over", "卡密为同一片段的循环"),
    ),
}
"""What 0 says, and what anything above it says."""

BY_WORD: Final[Mapping[tuple[str, str], Pair]] = {
    ("entry_method", "typed"): ("the code was typed in", "卡密为手工录入"),
    ("entry_method", "pasted"): ("the code was pasted", "卡密为粘贴录入"),
    ("entry_method", "photo"): ("the code was read from a photo", "卡密由照片识别"),
    ("entry_method", "scanned"): ("the code was scanned", "卡密由扫描录入"),
    ("entry_method", "api"): ("the code came over an interface", "卡密由接口传入"),
    ("medium", "physical"): ("a physical card", "实体卡"),
    ("medium", "electronic"): ("an electronic card", "电子卡"),
    ("code_kind_fit", "fits"): ("the code has the shape of its kind", "卡号卡密符合该卡种格式"),
    ("code_kind_fit", "swapped"): ("number and secret seem swapped", "卡号与卡密疑似填反"),
    ("code_kind_fit", "same_issuer"): (
        "the code has the shape of another kind of this issuer",
        "格式属同一发卡方的其他卡种",
    ),
    ("code_kind_fit", "other_kind"): ("the code has the shape of another kind", "格式属其他卡种"),
    ("code_kind_fit", "no_kind"): ("the code has the shape of no known kind", "格式不符合任何已知卡种"),
    ("code_break_at", "none"): ("no character is out of place", "没有异常字符"),
    ("code_break_at", "head"): ("characters at the head of the code are wrong", "卡号卡密开头有异常字符"),
    ("code_break_at", "middle"): ("characters in the middle of the code are wrong", "卡号卡密中段有异常字符"),
    ("code_break_at", "tail"): ("characters at the end of the code are wrong", "卡号卡密末尾有异常字符"),
    ("code_break_at", "several"): ("wrong characters in several places", "多处有异常字符"),
}
"""Words of a category; others are told by name and word."""


def length_off(name: str, number: float) -> Pair | None:
    """How a field's length differs from its kind's; None for another feature."""
    fields = {"code_number_length_off": ("card number", "卡号"), "code_secret_length_off": ("secret", "卡密")}
    if name not in fields:
        return None
    (field, feld), count = fields[name], f"{abs(number):.0f}"
    if number == 0:
        return f"the {field} has the length of its kind", f"{feld}长度正确"
    way, weise = ("long", "多") if number > 0 else ("short", "少")
    return f"the {field} is too {way} by {count}", f"{feld}{weise} {count} 位"
