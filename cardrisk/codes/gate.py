"""The intake boundary itself: a table or a card with codes in, the same without codes, with facts and tokens, out.

Correct when the frame, the unit handed in together and the single card give the same values for the same card, and
nothing that comes out holds a code.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cardrisk._later import pa, pd
from cardrisk.codes import _pairing, entities, tokens
from cardrisk.codes._anomalies import NULL, card_facts
from cardrisk.codes._clean import clean
from cardrisk.codes._one import Desk, OneCard, read_one
from cardrisk.codes._progression import QUARTERS, STEPS_TAKE, progression
from cardrisk.codes.anomalies import ANOMALIES, NAMES, PER_CARD
from cardrisk.codes.boundary import RAW, guarded
from cardrisk.codes.keys import Key, KeyRing, KeySource, resolve
from cardrisk.codes.sealed import Codes, Sealed, Texts
from cardrisk.codes.shapes import LONGEST_KIND, canonical_kind, shape_table
from cardrisk.codes.tokens import TOKENS
from cardrisk.codes.uniformity import tail_tables
from cardrisk.codes.values import as_text, columns_of
from cardrisk.kinds import KINDS, CardKind
from cardrisk.tables import known_at, known_at_one
from cardrisk.tables.arrow import to_pandas

NEXT: Final = "_next"
"""Suffix of the tokens under the next key, while rotating."""


class NoKeyWarning(UserWarning):
    """No token key: duplicate features are null, other tokens mean something inside this process only."""


class Intake(Sealed):
    """The boundary with its key and kinds made ready; for services that take in card after card.

    Parameters
    ----------
    key
        Where the token key comes from; ``None`` asks the environment.
    kinds
        Card kinds by name; a platform's own come from :func:`cardrisk.kinds.load`.
    shared
        Where there is no key: the random one that several processes of one job share, so that address, device and
        serial tokens hold inside that job; nobody is warned then.

    Raises
    ------
    KeyMaterialError
        The key source cannot be read or its key is not good enough.

    Warns
    -----
    NoKeyWarning
        There is no key.
    """

    def __init__(
        self, key: KeySource | None = None, kinds: Mapping[str, CardKind] = KINDS, *, shared: KeyRing | None = None
    ) -> None:
        ring = resolve(key)
        if ring is None and shared is None:
            warnings.warn(
                "no token key (CARDRISK_KEY): duplicate features are null and address, device and serial tokens "
                "hold inside this process only; make a key with "
                "`python -c 'import secrets; print(secrets.token_urlsafe(32))'`",
                NoKeyWarning,
                stacklevel=3,
            )
        self._keyed = ring is not None
        ring = ring or shared or _process_ring()
        self._hashers = {"": tokens.Hasher(ring.current)}
        if ring.next is not None:
            self._hashers[NEXT] = tokens.Hasher(ring.next)
        self._kinds = dict(kinds)
        self._table = shape_table(list(self._kinds.values()))
        self._rows = {name: row for row, name in enumerate(self._kinds)}
        self._names: dict[str, str] = {}
        self._seen: dict[str, tuple[str, int]] = {}
        self._desk = Desk(self._table, self._hashers, keyed=self._keyed)

    @guarded
    def frame(self, submissions: pd.DataFrame) -> pd.DataFrame:
        """Take in a table; see :func:`intake`."""
        if not any(column in submissions for column in RAW) and any(name in submissions for name in TOKENS):
            return submissions
        raw = [columns_of(submissions, column) for column in RAW]
        kind = columns_of(submissions, "card_kind")
        out = self._columns(raw, kind, _groups(submissions))
        kept = submissions.drop(columns=[c for c in (*RAW, *out) if c in submissions])
        texts = {name: to_pandas(values) for name, values in out.items() if isinstance(values, pa.Array)}
        return pd.concat([kept, pd.DataFrame(out | texts, index=submissions.index)], axis=1)

    @guarded
    def together(self, cards: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Take in cards of one call; those of one batch and one moment see each other's steps.

        Parameters
        ----------
        cards
            Column name to value, as :func:`cardrisk.tables.check_one` gives it.

        Returns
        -------
        list of dict
            The same cards without codes, with the columns of :func:`intake`; ``None`` where unknown.
        """
        found = [self._alone(card) for card in cards]
        for places in _handed_in_together(cards):
            self._add_steps([found[place] for place in places], [cards[place] for place in places])
        return found

    def _alone(self, card: Mapping[str, Any]) -> dict[str, Any]:
        """Take in one card; see :func:`intake_one`."""
        name, row = self._kind_of(card)
        taken = self._desk.take_clean(card, name, row)
        return self._desk.take(card, read_one(card, name, row, self._table)) if taken is None else taken

    one = guarded(_alone)

    def _kind_of(self, card: Mapping[str, Any]) -> tuple[str, int]:
        given = card.get("card_kind")
        return (self._seen.get(given) if type(given) is str else None) or self._kind(as_text(given))

    def _kind(self, kind: str | None) -> tuple[str, int]:
        """Return canonical name and row of what stands for a kind."""
        name = "" if kind is None else self._name(kind)
        found = name, self._rows.get(name, -1)
        if kind is not None and len(kind) <= LONGEST_KIND:
            if len(self._seen) > 4_096:
                self._seen.clear()
            self._seen[kind] = found
        return found

    def _read(self, card: Mapping[str, Any]) -> OneCard:
        return read_one(card, *self._kind_of(card), self._table)

    def _add_steps(self, found: list[dict[str, Any]], cards: list[Mapping[str, Any]]) -> None:
        """Fill in the facts of cards handed in together that need all of them."""
        codes = [self._read(card) for card in cards]
        group = np.zeros(len(cards), np.int64)
        for name, field in zip(NAMES[PER_CARD:], ("number", "secret"), strict=True):
            steps = progression(Codes.of([getattr(each, field) for each in codes]), group)
            for card, quarters in zip(found, steps.tolist(), strict=True):
                card[name] = None if quarters == NULL else quarters / QUARTERS

    def _name(self, kind: str) -> str:
        kind = kind[:LONGEST_KIND]
        known = self._names.get(kind)
        if known is None:
            if len(self._names) > 4_096:
                self._names.clear()
            known = self._names[kind] = canonical_kind(kind, self._kinds)
        return known

    def _columns(self, raw: list[pa.Array], kind: pa.Array, group: NDArray[np.int64]) -> dict[str, Any]:
        """Return every column of the boundary, by name, in order."""
        names, kinds = self._kind_rows(kind)
        rows = np.array([self._rows.get(name, -1) for name in names], np.int32)[kinds]
        number, secret = clean(Texts.arrow(raw[0])), clean(Texts.arrow(raw[1]))
        secret = _pairing.split(number, secret, rows, self._table)
        card = _pairing.join(number, secret, rows, self._table)
        try:
            facts = self._facts(number, secret, rows, group)
            found: dict[str, Any] = {}
            for suffix, hasher in self._hashers.items():
                columns = self._tokens(hasher, raw, number, secret, card, names, kinds)
                found |= {name + suffix: column for name, column in zip(TOKENS, columns, strict=True)}
            return found | facts
        finally:
            for codes in (number, secret, card):
                codes.wipe()

    def _kind_rows(self, kind: pa.Array) -> tuple[list[str], NDArray[np.int32]]:
        encoded = kind.dictionary_encode()
        given = encoded.dictionary.to_pylist()
        places = encoded.indices.fill_null(len(given)).to_numpy(zero_copy_only=False).astype(np.int32)
        return [*map(self._name, given), ""], places

    def _facts(self, number: Codes, secret: Codes, rows: NDArray[np.int32], group: NDArray[np.int64]) -> dict[str, Any]:
        out = np.empty((len(rows), PER_CARD), np.int8)
        card_facts(
            number.data,
            number.start,
            number.stop,
            secret.data,
            secret.start,
            secret.stop,
            number.flags | secret.flags,
            rows,
            *self._table[:4],
            tail_tables(),
            out,
        )
        steps = [progression(codes, group) for codes in (number, secret)]
        return {
            anomaly.name: _words(column, anomaly.categories) if anomaly.categories else _numbers(column, scale)
            for anomaly, column, scale in zip(ANOMALIES, [*out.T, *steps], [1] * PER_CARD + [QUARTERS] * 2, strict=True)
        }

    def _tokens(
        self,
        hasher: tokens.Hasher,
        raw: list[pa.Array],
        number: Codes,
        secret: Codes,
        card: Codes,
        names: list[str],
        kinds: NDArray[np.int32],
    ) -> list[pa.Array]:
        block = Codes(number.data, number.start, _without_tail(number), number.flags)
        coded = [("number", number), ("secret", secret), ("card", card), ("block", block)]
        found = [
            _entity(hasher, raw[2], "ip", entities.address),
            _entity(hasher, raw[3], "device", entities.device),
        ]
        for field, codes in coded:
            if not self._keyed and field != "block":
                found.append(pa.nulls(len(codes), pa.large_string()))
                continue
            digests = hasher.digests(codes, field, names, kinds)
            found.append(tokens.texts(digests, hasher.key_id, _pairing.readable(codes)))
        return found


def intake(
    submissions: pd.DataFrame, *, key: KeySource | None = None, kinds: Mapping[str, CardKind] = KINDS
) -> pd.DataFrame:
    """Take a table of cards through the boundary.

    Parameters
    ----------
    submissions
        Valid submissions (``cardrisk.tables.check_submissions(...).valid``), n rows. One that went through before
        (tokens, no codes) comes back unchanged.
    key
        Where the token key comes from: ``None`` the environment (``CARDRISK_KEY``), a file's path, a callable,
        bytes, a :class:`KeyRing`. Without one, number, secret and card tokens are null.
    kinds
        Card kinds by name.

    Returns
    -------
    pandas.DataFrame
        Same rows and index, without ``card_no, card_secret, client_ip, device_id``; with ``ip_token, device_token,
        number_token, secret_token, card_token, serial_block`` (``str``, null where unknown or unreadable) and the
        ``code_*`` facts of :data:`cardrisk.codes.ANOMALIES` (float32, or ``str`` for categories). While a key is
        being rotated, also ``..._next``.

    Raises
    ------
    KeyMaterialError
        The key source cannot be read or its key is not good enough.
    InputError
        The frame cannot be read; the message withholds its values.

    Warns
    -----
    NoKeyWarning
        There is no key.

    Notes
    -----
    Cards of one ``batch_id`` and one moment were handed in together and must be in one frame: a worker that reads
    a chunk of a table must not cut such a group in two.
    """
    return Intake(key, kinds).frame(submissions)


def intake_one(card: Mapping[str, Any], *, key: KeySource | None = None) -> dict[str, Any]:
    """Take one card through the boundary; the values are those of :func:`intake` for a table of that card.

    Parameters
    ----------
    card
        Column name to value, as :func:`cardrisk.tables.check_one` gives it.
    key
        As in :func:`intake`; a file or a callable is asked at every call, so services keep an :class:`Intake`.

    Returns
    -------
    dict
        The card without codes, with tokens and facts; ``None`` where unknown.

    Raises
    ------
    KeyMaterialError
        The key source cannot be read or its key is not good enough.
    InputError
        The card cannot be read; the message withholds its values.
    """
    ring = resolve(key)
    known = _READY.get("" if ring is None else f"{ring.current.id} {ring.next and ring.next.id}")
    if known is None:
        if len(_READY) > 16:
            _READY.clear()
        known = Intake(ring)
        _READY["" if ring is None else f"{ring.current.id} {ring.next and ring.next.id}"] = known
    return known.one(card)


_READY: Final[dict[str, Intake]] = {}


@cache
def _process_ring() -> KeyRing:
    return KeyRing(Key(os.urandom(32)))


def _groups(submissions: pd.DataFrame) -> NDArray[np.int64]:
    """Number the groups handed in together: same ``batch_id``, same moment; -1 where the batch is not known."""
    if "batch_id" not in submissions or "submitted_at" not in submissions:
        return np.full(len(submissions), -1, np.int64)
    batch, _ = pd.factorize(submissions["batch_id"])
    moment, moments = pd.factorize(known_at(submissions))
    return np.where(batch < 0, -1, batch.astype(np.int64) * len(moments) + moment)


def _handed_in_together(cards: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    """Return the places of cards of one batch and one moment, where they are enough to compare steps."""
    if len(cards) < STEPS_TAKE:
        return []
    groups: dict[tuple[Any, Any], list[int]] = {}
    for place, card in enumerate(cards):
        if as_text(card.get("batch_id")) is not None:
            groups.setdefault((card["batch_id"], known_at_one(card)), []).append(place)
    return [places for places in groups.values() if len(places) >= STEPS_TAKE]


def _words(column: NDArray[np.int8], values: tuple[str, ...]) -> pa.Array:
    indices = pa.array(column, mask=column == NULL)
    return pa.DictionaryArray.from_arrays(indices, pa.array(values, pa.large_string())).cast(pa.large_string())


def _numbers(column: NDArray[np.int8], scale: int) -> NDArray[np.float32]:
    out = column.astype(np.float32)
    out[column == NULL] = np.nan
    return out / np.float32(scale)


def _without_tail(number: Codes) -> NDArray[np.int64]:
    length = number.stop - number.start
    return np.where(length >= tokens.SHORTEST_BLOCK, number.stop - tokens.BLOCK_TAIL, number.start)


def _entity(hasher: tokens.Hasher, raw: pa.Array, field: str, read: Any) -> pa.Array:
    """Tokenise addresses or devices: each distinct one once."""
    encoded = raw.dictionary_encode()
    distinct = [read(text) for text in encoded.dictionary.to_pylist()]
    codes = Texts.of(distinct)
    digests = hasher.digests(codes, field, [""], np.zeros(len(codes), np.int32))
    found = tokens.texts(digests, hasher.key_id, codes.stop > codes.start)
    return found.take(encoded.indices)
