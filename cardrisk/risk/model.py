"""A trained model: from features to p(fail) and p(cause), nothing else.

Correctness: the probabilities of a card depend on the values of the features named in ``needed`` alone; p(cause)
sum to p(fail); a model that was saved and loaded gives the same bits.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from cardrisk._later import pd
from cardrisk.errors import BundleError, FeatureMismatchError
from cardrisk.facts import CAUSES
from cardrisk.risk import bundle, document
from cardrisk.risk.chances import Chances, chances
from cardrisk.risk.document import ModelCard
from cardrisk.risk.trees import Ensemble, parse

if TYPE_CHECKING:
    from cardrisk.features import FeatureSet

Floats = npt.NDArray[np.float64]

P_COLUMNS: Final = ("p_fail", *(f"p_{cause}" for cause in CAUSES))
"""Columns of `RiskModel.predict`, in order."""

CARD: Final = "model.json"
FAIL: Final = "fail.txt"
CAUSE: Final = "cause.txt"


@dataclass(frozen=True)
class RiskModel:
    """Trees, calibration and the facts about them. Immutable; safe to share between threads.

    Attributes
    ----------
    card
        Everything but the trees; see `ModelCard`.
    files
        The bundle's files as they are saved.
    fail
        Trees whose raw score is the uncalibrated log-odds of failure.
    cause
        Trees of p(cause | fail), one class each; None where causes cannot be told apart.
    declared
        The feature declarations the model was trained with; None: those of the library.
    """

    card: ModelCard
    files: Mapping[str, bytes] = field(repr=False)
    fail: Ensemble = field(repr=False)
    cause: Ensemble | None = field(repr=False)
    declared: FeatureSet | None = field(default=None, repr=False, compare=False)

    @classmethod
    def build(cls, card: ModelCard, fail: bytes, cause: bytes | None, declared: FeatureSet | None = None) -> RiskModel:
        """Assemble a model from a card and the text of its trees."""
        files = {CARD: document.dump(card), FAIL: fail} | ({} if cause is None else {CAUSE: cause})
        return cls._of(files, declared)

    @classmethod
    def load(
        cls,
        folder: str | os.PathLike[str],
        *,
        key: bytes | None = None,
        digest: str | None = None,
        features: FeatureSet | None = None,
    ) -> RiskModel:
        """Verify and load a bundle.

        Parameters
        ----------
        folder
            What `save` wrote.
        key
            Signing key: then only bundles saved with it load.
        digest
            The digest expected (`save` returned it); refuses an older bundle put back. None: any.
        features
            Declarations that hold the model's features; None: those of the library.

        Returns
        -------
        RiskModel
            Without running any code of the bundle.

        Raises
        ------
        BundleError
            If anything was changed, is missing or contradicts itself.
        """
        return cls._of(dict(bundle.read(folder, key=key, digest=digest).files), features)

    @classmethod
    def _of(cls, files: Mapping[str, bytes], declared: FeatureSet | None) -> RiskModel:
        if not {CARD, FAIL} <= set(files) <= {CARD, FAIL, CAUSE}:
            raise BundleError(f"expected the files {CARD}, {FAIL} and perhaps {CAUSE}, got {sorted(files)[:5]}")
        card = document.parse(files[CARD])
        fail = parse(files[FAIL])
        cause = parse(files[CAUSE]) if CAUSE in files else None
        width = len(card.columns.names)
        classes = len(card.shares.classes)
        if fail.n_features != width or fail.num_class != 1:
            raise BundleError(f"expected trees over {width} features, got {fail.n_features}; restore the bundle")
        if (cause.num_class if cause else 0) != classes or (cause and cause.n_features != width):
            raise BundleError(f"expected cause trees of {classes} classes over {width} features; restore the bundle")
        return cls(card, files, fail, cause, declared)

    def save(self, folder: str | os.PathLike[str], *, key: bytes | None = None) -> str:
        """Write the model as a bundle, whole or not at all.

        Parameters
        ----------
        folder
            A new or empty folder, or a bundle to replace.
        key
            Signing key of at least 16 bytes; None: unsigned.

        Returns
        -------
        str
            The bundle's digest.

        Raises
        ------
        BundleError
            If something else stands there, or nothing can be written there.
        """
        return bundle.write(folder, self.files, key=key)

    @cached_property
    def version(self) -> str:
        """Twelve hexadecimal digits that name the content; equal for signed and unsigned copies."""
        return bundle.content_digest(self.files)[:12]

    @cached_property
    def chances(self) -> Chances:
        """What turns the trees' raw scores into probabilities, for compiled code."""
        return Chances.of(self.card.calibration, self.card.shares)

    @property
    def needed(self) -> tuple[str, ...]:
        """Features that must be given to `predict`."""
        return self.card.needed

    @property
    def about(self) -> Mapping[str, Any]:
        """Training window, data digest, counts, settings, versions and metrics."""
        return self.card.about

    @cached_property
    def features(self) -> FeatureSet:
        """Declarations of the features the model needs: what to compute before `predict`.

        Raises
        ------
        FeatureMismatchError
            If a feature is not declared any more, or is declared differently than at training.
        """
        declared = self.declared
        if declared is None:
            from cardrisk.features import FEATURES

            declared = FEATURES
        chosen = declared.select(self.needed)
        changed = [name for name, digest in self.card.digests.items() if declared.select([name]).digest != digest]
        if changed:
            raise FeatureMismatchError(
                f"feature(s) defined differently than at training: {', '.join(changed[:10])}; "
                "train again, or use the cardrisk version that trained the model"
            )
        return chosen

    def predict(self, frame: pd.DataFrame, *, threads: int = 1) -> pd.DataFrame:
        """Probabilities for a frame of features.

        Parameters
        ----------
        frame
            One column per feature (``needed`` must be there), any order; further columns are ignored.
        threads
            Threads for the trees; the bits do not depend on it.

        Returns
        -------
        pandas.DataFrame
            Index of ``frame``; float64 ``p_fail`` and ``p_<cause>`` in the order of ``facts.CAUSES``. The causes
            sum to ``p_fail``; they are null where the model was trained without causes.

        Raises
        ------
        FeatureMismatchError
            If a needed feature is absent, doubled or of the wrong type.
        """
        matrix = self.card.columns.matrix(frame, self.needed)
        slope, offset = self._group_maps(frame)
        return pd.DataFrame(
            self._probabilities(matrix, slope, offset, threads), index=frame.index, columns=list(P_COLUMNS)
        )

    def predict_row(self, values: Mapping[str, Any]) -> Floats:
        """Probabilities of one card: float64 (14,), ``p_fail`` then the causes; the same bits as `predict`.

        Raises
        ------
        FeatureMismatchError
            If a needed feature is absent or not a number where one is expected.
        """
        missing = [name for name in self.needed if name not in values]
        if missing:
            raise FeatureMismatchError(f"the model needs features that were not given: {', '.join(missing[:10])}")
        row = self.card.columns.row(values)[None, :]
        slope, offset = self.card.calibration.of(group_name([values.get(name) for name in self.card.groups]))
        return np.asarray(self._probabilities(row, slope, offset, 1)[0], np.float64)

    def margin(self, frame: pd.DataFrame, *, threads: int = 1) -> Floats:
        """Raw log-odds of the trees before calibration, float64 (rows,); raises as `predict`."""
        return self.fail.raw(self.card.columns.matrix(frame, self.needed), threads=threads)

    def _probabilities(
        self, matrix: npt.NDArray[Any], slope: Floats | float, offset: Floats | float, threads: int
    ) -> Floats:
        count = len(matrix)
        scores = np.empty((count, 0)) if self.cause is None else self.cause.raw(matrix, threads=threads)
        out = np.empty((count, len(P_COLUMNS)))
        slopes, offsets = (np.array(np.broadcast_to(part, count), np.float64) for part in (slope, offset))
        chances(self.fail.raw(matrix, threads=threads), scores, slopes, offsets, *self.chances, out)
        return out

    def _group_maps(self, frame: pd.DataFrame) -> tuple[Floats, Floats]:
        place, names = groups_of(frame, self.card.groups)
        pairs = np.array([self.card.calibration.of(name) for name in names]).reshape(-1, 2)
        return pairs[place, 0], pairs[place, 1]


def group_name(values: list[Any]) -> str:
    """Name of a calibration group: its values joined by ``|``, a dash for null."""
    return "|".join("-" if value is None or value != value else str(value) for value in values)


def groups_of(frame: pd.DataFrame, columns: tuple[str, ...]) -> tuple[npt.NDArray[np.intp], list[str]]:
    """Group of each row: (position in the names, names)."""
    place, distinct = np.zeros(len(frame), np.intp), [[]]  # type: tuple[npt.NDArray[np.intp], list[list[Any]]]
    for name in columns:
        codes, values = pd.factorize(frame[name], use_na_sentinel=False)
        place = place * len(values) + codes
        distinct = [[*left, value] for left in distinct for value in values]
    used, place = np.unique(place, return_inverse=True)
    return place, [group_name(distinct[number]) for number in used]
