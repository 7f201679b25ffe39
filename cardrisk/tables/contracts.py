"""The two tables, declared: one line of data per column.

Correct means: everything the library accepts or refuses about a table follows from these declarations.
"""

from dataclasses import dataclass
from typing import Final

from cardrisk.facts import CAUSES, CHANNELS, ENTRY_METHODS, LABEL_SOURCES, MEDIA, OK, STATUSES, UNKNOWN
from cardrisk.kinds import KINDS
from cardrisk.tables.cells import folded
from cardrisk.tables.choices import choice
from cardrisk.tables.flags import Flag
from cardrisk.tables.messages import Message
from cardrisk.tables.money import Money
from cardrisk.tables.numbers import Number
from cardrisk.tables.reader import Reader
from cardrisk.tables.text import Text
from cardrisk.tables.times import Time


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a contract. Null means "not known", never "fine".

    Attributes
    ----------
    name
        Canonical name.
    reader
        How its cells are read: type, range, vocabulary.
    aliases
        Other headers for it, separated by blanks; case, blanks, width, underscores and units are ignored.
    required
        The column must be there and no cell of it may be null.
    entity
        Names who or where a card came from; at least one entity must be known in every row.
    secret
        Nothing of a value but its length may ever be shown.
    """

    name: str
    reader: Reader
    aliases: str = ""
    required: bool = False
    entity: bool = False
    secret: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Contract:
    """A table: its columns in order, the key that may not repeat, and whether a row needs an entity."""

    name: str
    columns: tuple[Column, ...]
    unique: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Canonical column names, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that must be there."""
        return tuple(column.name for column in self.columns if column.required)

    @property
    def entities(self) -> tuple[str, ...]:
        """Names of the entity columns; empty where a row needs none."""
        return tuple(column.name for column in self.columns if column.entity)


_CHANNEL: Final = choice(
    tuple(CHANNELS),
    {
        "ecommerce": "电商 电商平台 电商渠道 线上 淘宝 e-commerce online",
        "vertical": "垂直 垂直平台 垂直类 专业平台 p2p",
        "offline": "线下 线下门店 门店 实体店 经销商 shop store",
    },
)
_ENTRY: Final = choice(
    ENTRY_METHODS,
    {
        "typed": "手输 手工输入 手动输入 手动 键入 manual keyed",
        "pasted": "粘贴 复制粘贴 批量粘贴 批量 paste",
        "photo": "拍照 照片 图片 拍照识别 image picture",
        "scanned": "扫码 扫描 扫一扫 扫码录入 scan qr",
        "api": "接口 接口提交 对接 api接口",
    },
)
_MEDIUM: Final = choice(
    MEDIA,
    {
        "physical": "实体卡 实体 实物卡 纸卡 刮刮卡 plastic",
        "electronic": "电子卡 电子 电子码 虚拟卡 卡密 digital e-card ecard",
    },
)
_STATUS: Final = choice(
    STATUSES,
    {
        "success": "成功 充值成功 激活成功 处理成功 全部成功 已成功 ok succeeded successful",
        "partial": "部分成功 部分 部分到账 partially",
        "failed": "失败 充值失败 激活失败 处理失败 已失败 全部失败 fail failure error",
        "unknown": "未知 处理中 等待 待处理 充值中 超时 pending processing timeout",
    },
)
_CAUSE: Final = choice(
    (OK, *CAUSES, UNKNOWN),
    {
        OK: "正常 成功 无异常",
        "bad_format": "格式错误 卡号格式错误 卡密格式错误",
        "mistyped": "输错 输入错误 录入错误 卡密错误 密码错误",
        "forged": "伪造 假卡 伪卡",
        "already_used": "已使用 已被使用 卡已使用 used",
        "expired": "过期 已过期 卡过期",
        "not_activated": "未激活 卡未激活",
        "bound_to_account": "已绑定 已被绑定 bound",
        "insufficient_balance": "余额不足",
        "wrong_face_value": "面值不符 面值错误",
        "region_mismatch": "地区不符 区域不符 窜货",
        "rate_limited": "频率限制 提交过于频繁 限流",
        "batch_invalid": "批次无效 批次错误",
        "issuer_busy": "系统繁忙 运营商繁忙 busy",
        UNKNOWN: "未知 其他 other",
    },
)
_SOURCE: Final = choice(
    LABEL_SOURCES,
    {"gateway": "网关 接口 自动", "dispute": "申诉 争议 投诉 售后", "manual": "人工 人工复核 人工审核"},
)

_KIND_WORDS: Final = {
    "china_mobile": "移动 中国移动 移动卡 移动充值卡 移动话费卡 全国移动",
    "china_unicom": "联通 中国联通 联通卡 联通充值卡 联通话费卡 全国联通",
    "china_telecom": "电信 中国电信 电信卡 电信充值卡 电信话费卡 全国电信",
    "qq": "q币 qq卡 q币卡 qb qq币 腾讯q币 腾讯qq卡",
    "junnet": "骏网 骏卡 骏网卡 骏卡一卡通",
    "shanda": "盛大 盛大卡",
    "zhengtu": "征途 征途卡",
    "wanmei": "完美 完美卡",
    "netease": "网易 网易卡",
    "sohu": "搜狐 搜狐卡",
    "jiuyou": "久游 久游卡",
    "tianhong": "天宏 天宏卡",
    "jd_ecard": "京东 京东卡 京东礼品卡 jd卡 jde卡",
    "steam": "steam卡 steam充值卡 steam钱包码",
    "apple": "苹果卡 itunes itunes卡 苹果充值卡",
}
"""What exports write for a card kind besides its name and its titles."""


def _kind_words() -> dict[str, str]:
    """Every word for a card kind to its name; words for no kind we know stay what they are."""
    words = {folded(title): kind.name for kind in KINDS.values() for title in (kind.title_en, kind.title_zh)}
    words |= {folded(word): name for name, others in _KIND_WORDS.items() for word in others.split()}
    return words | {word: name for name in KINDS for word in (folded(name), name)}


_ID: Final = Text(longest=128)
_KIND: Final = Text(longest=128, words=_kind_words())
_WORD: Final = Text(longest=128)
_CODE: Final = Text(longest=256, verbatim=True)
_TIME: Final = Time()


def kind_meant(word: str) -> str:
    """Name of the card kind that a word in an export means; the word itself where it means none."""
    meant = _KIND.one(word)
    return meant if isinstance(meant, str) else word


SUBMISSIONS: Final = Contract(
    "submissions",
    (
        Column(
            "submission_id",
            _ID,
            "订单号 订单编号 订单id 单号 提交编号 流水号 交易号 order_id order_no",
            required=True,
        ),
        Column("submitted_at", _TIME, "提交时间 提交日期 下单时间 创建时间 submit_time created_at", required=True),
        Column("received_at", _TIME, "接收时间 收到时间 受理时间 入库时间 receive_time"),
        Column("channel", _CHANNEL, "渠道 平台类型 渠道类型 platform_type"),
        Column("card_kind", _KIND, "卡种 卡类 卡类型 卡种类 卡名称 产品名称 card_type"),
        Column("batch_id", _ID, "批次号 批次 批次编号 批号 batch batch_no", entity=True),
        Column(
            "submitter_id",
            _ID,
            "商户 商户号 商户名称 商户编号 提交人 用户 用户id 卖家 会员 会员号 merchant merchant_id user_id",
            entity=True,
        ),
        Column("submitter_registered_at", _TIME, "注册时间 商户注册时间 用户注册时间 注册日期 registered_at"),
        Column("submitter_credit_score", Number(0.0, 1000.0), "信用分 信用评分 信用积分 芝麻分 credit_score"),
        Column("supplier_id", _ID, "供应商 供应商编号 供货商 货源 supplier vendor_id", entity=True),
        Column("dealer_id", _ID, "经销商 经销商编号 代理商 dealer", entity=True),
        Column("store_id", _ID, "门店 门店编号 店铺 网点 store shop_id", entity=True),
        Column("client_ip", _ID, "ip ip地址 提交ip 客户端ip 登录ip ip_address", entity=True, secret=True),
        Column("device_id", _ID, "设备号 设备 设备编号 设备id 设备指纹 device", entity=True, secret=True),
        Column("entry_method", _ENTRY, "录入方式 提交方式 输入方式 entry"),
        Column("medium", _MEDIUM, "介质 卡介质 卡形态 实体或电子 card_medium"),
        Column("photo_quality", Number(0.0, 1.0), "照片质量 图片质量 照片清晰度 清晰度"),
        Column("card_no", _CODE, "卡号 充值卡号 卡片号码 序列号 card_number serial_no", secret=True),
        Column("card_secret", _CODE, "卡密 密码 卡密码 卡片密码 充值密码 pin card_password card_pin", secret=True),
        Column("face_value", Money(), "面值 面额 卡面值 提交面值 卡面额 denomination"),
        Column("asking_price", Money(), "收购价 回收价 收卡价 报价 售价 结算价 price"),
        Column("region_issued", _WORD, "归属地 发行地 发卡地 发行地区 卡归属地 issue_region"),
        Column("region_of_use", _WORD, "使用地 使用地区 充值地区 激活地 use_region"),
        Column(
            "valid_until",
            Time(whole_day=True),
            "有效期 有效期至 到期时间 到期日 过期时间 截止日期 expiry expires_at expiry_date",
        ),
        Column("account_bound", Flag(), "是否绑定 已绑定 绑定状态 是否已绑定 bound"),
    ),
    unique="submission_id",
)
"""Cards handed in; one row each."""

OUTCOMES: Final = Contract(
    "outcomes",
    (
        Column(
            "submission_id",
            _ID,
            "订单号 订单编号 订单id 单号 提交编号 流水号 交易号 order_id order_no",
            required=True,
        ),
        Column(
            "answered_at",
            _TIME,
            "回复时间 应答时间 返回时间 完成时间 处理时间 结果时间 回调时间 answer_time finished_at",
            required=True,
        ),
        Column("status", _STATUS, "状态 结果 处理结果 充值结果 订单状态 result", required=True),
        Column("cause", _CAUSE, "原因 失败原因 原因分类 reason"),
        Column("gateway_code", _WORD, "返回码 错误码 状态码 网关代码 code error_code"),
        Column(
            "gateway_message",
            Message(Text(longest=1024)),
            "返回信息 错误信息 网关信息 描述 备注 message error_message",
        ),
        Column("settled_value", Money(), "结算金额 到账金额 实际面值 实际金额 成功金额 settled_amount"),
        Column("label_source", _SOURCE, "来源 结果来源 标签来源 source"),
    ),
)
"""Answers; a later row for the same submission supersedes the earlier one from its own ``answered_at`` on."""
