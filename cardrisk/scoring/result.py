"""The answer for one card.

Correct when every card handed in gets exactly one, whatever happened: scored, refused with its rule, or held with the
reason why it could not be scored; the last two are never accepted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from cardrisk.facts import CAUSES
from cardrisk.tables import id_of

Later = Callable[[], tuple[str, ...]]


class _Unread:
    """Room for what nobody has read yet: how reasons are worked out, and p(cause) in order."""

    __slots__ = ("_later", "_shares")

    _later: "Later"
    _shares: Sequence[float]


@dataclass(frozen=True, slots=True)
class Score(_Unread):
    """The answer for one card.

    Attributes
    ----------
    submission_id
        As given; null where the card had none.
    p_fail
        Probability that activation fails; null where the card was quarantined or could not be scored.
    causes
        ``p_<cause>`` by cause; they sum to ``p_fail``; empty where it is null.
    cause
        Likeliest cause should it fail; null where ``p_fail`` is.
    decision, expected_loss, propensity
        The action, its expected loss in yuan, and the probability with which the policy lets the card through.
    reasons
        For the reviewer, strongest first; worked out at the first reading.
    rule
        The rule that quarantined the card, else null.
    model_version
        Names the content of the model's bundle.
    degraded
        Null, or why the card was held without being scored: one of ``cardrisk.scoring.degraded.REASONS``. Such a
        card has not become history and is scored afresh when it is handed in again.
    """

    submission_id: str | None
    p_fail: float | None
    causes: Mapping[str, float]
    cause: str | None
    decision: str
    expected_loss: float | None
    propensity: float
    reasons: tuple[str, ...]
    rule: str | None
    model_version: str
    degraded: str | None = None

    @property
    def shares(self) -> Sequence[float]:
        """p(cause) in order, from ``causes`` or before anybody has read them."""
        try:
            return self._shares
        except AttributeError:
            return tuple(self.causes.values())

    @property
    def pending(self) -> bool:
        """Whether the reasons have still to be worked out."""
        try:
            _REASONS.__get__(self)
        except AttributeError:
            return True
        return False

    def deferring(self, later: Later) -> Self:
        """Let ``later`` work the reasons out at their first reading; for whoever has just made this answer."""
        _REASONS.__delete__(self)
        _LATER.__set__(self, later)
        return self

    def __getattr__(self, name: str) -> Any:
        """Work reasons or causes out: called for what has no value yet."""
        found: Any
        if name == "reasons":
            found = self._later()
            _REASONS.__set__(self, found)
        elif name == "causes":
            found = dict(zip(CAUSES, self._shares, strict=True))
            _CAUSES.__set__(self, found)
        else:
            raise AttributeError(f"a Score has no {name!r}")
        return found


class _Open(_Unread):
    """A score that is being filled in: to fill in a frozen one takes as long as a fifth of the trees."""

    __slots__ = Score.__slots__


def scored(
    submission_id: str,
    p_fail: float,
    shares: Sequence[float],
    cause: str,
    decision: str,
    expected_loss: float,
    propensity: float,
    model_version: str,
) -> Score:
    """Answer for a card that was scored, its reasons still to come; ``shares`` is p(cause) in order."""
    made: Any = _Open()
    made.submission_id, made.p_fail, made._shares, made.cause = submission_id, p_fail, shares, cause
    made.decision, made.expected_loss, made.propensity = decision, expected_loss, propensity
    made.reasons, made.rule, made.model_version, made.degraded = (), None, model_version, None
    made.__class__ = Score
    found: Score = made
    return found


_REASONS: Final[Any] = vars(Score)["reasons"]
_CAUSES: Final[Any] = vars(Score)["causes"]
_LATER: Final[Any] = vars(_Unread)["_later"]


def held(card: Mapping[str, Any], version: str, *, rule: str | None = None, degraded: str | None = None) -> Score:
    """Answer for a card that is held without a probability: quarantined by a rule, or not scored for a reason."""
    name = id_of(card)
    shown = name if isinstance(name, str) and len(name) <= 64 else None
    return Score(shown, None, {}, None, "hold", None, 0.0, (), rule, version, degraded)
