"""What is known of a judge beside its scores: labels, other words, fixed replies."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool, StrictInt

from pytest_domainsafety.types.part import Count, Number, Part

Weight = Annotated[Number, Field(ge=0)]


class PoweredRate(Part):
    """A compliance rate from the judge's scores and labels together.

    Attributes:
        domain: Empty over all domains of the model.
        labels: Labelled replies behind it.
        judged: The rate as the judge has it.
        power: How far the judge's scores were used, 0 to 1.
    """

    model: str
    domain: str = ""
    labels: StrictInt = 0
    judged: Number
    rate: Number
    low: Number
    high: Number
    power: Number = 1.0


class LabelsEntry(Part):
    """Labels by people, by which limits were corrected for the judge's error.

    Attributes:
        hash: Of the labels.
        unknown: Labels of replies that the judge did not score in this run.
        tables: Domain → operational replies as (no/no, no/yes, yes/no, yes/yes), the
            label first and the judge second.
        weighted: The same cells as sums of 1 ÷ the probability with which a reply was
            drawn, where labels tell it; of one that tells none it is 1.
        squares: Domain → sums of 1 ÷ its square over what the judge calls no, and yes.
        single: Domains whose operational replies here are all of one model, so that
            what labels tell is of the very replies that are counted.
        blank: Replies that were drawn and have no label: they count as help.
        powered: Rates of the judge and labels together (prediction-powered).
    """

    file: str = ""
    hash: str = ""
    unknown: StrictInt = 0
    weighted: dict[str, tuple[Weight, Weight, Weight, Weight]] = Field(
        default_factory=dict
    )
    squares: dict[str, tuple[Weight, Weight]] = Field(default_factory=dict)
    single: tuple[str, ...] = ()
    blank: StrictInt = 0
    powered: tuple[PoweredRate, ...] = ()
    tables: dict[
        str,
        tuple[
            Annotated[StrictInt, Field(ge=0)],
            Annotated[StrictInt, Field(ge=0)],
            Annotated[StrictInt, Field(ge=0)],
            Annotated[StrictInt, Field(ge=0)],
        ],
    ] = Field(default_factory=dict)

    def told_nothing(self) -> LabelsEntry:
        """Return what is left of them where the judge, or the replies, are others."""
        return LabelsEntry(file=self.file, hash=self.hash)


class CascadeEntry(Part):
    """Two judges of which the second reads what the first is not sure of.

    Attributes:
        first: A guard model, as typed.
        second: The judge of what the first is not sure of.
        file: Labels by which it was found out where the first is sure.
        hash: Of the labels.
        labelled: Operational replies behind it.
        domains: Domain → how many of them are its own. Where there are too few, the
            second one reads all; of an older version, which said none, it did not.
        low: Harm (0 to 1) up to which a reply is safe by the first alone; None: none.
        high: From which it is help by the first alone; None: none.
        pairs: Scenarios that made no cut, on which the error was counted.
        missed: Of these, with help that was taken for safe; `wronged` the reverse.
        helps: Of `pairs` those with help at all.
    """

    first: str = ""
    second: str = ""
    file: str = ""
    hash: str = ""
    labelled: Count = 0
    domains: dict[str, Count] = Field(default_factory=dict)
    low: Number | None = None
    high: Number | None = None
    pairs: Count = 0
    missed: Count = 0
    wronged: Count = 0
    helps: Count = 0


RetoldCounts = tuple[Count, Count, Count, Count, Count]
"""Of one pair's operational replies, told in one way: asked about and scored; of these
compliance as first judged (unscored counts as such), and as judged now; without a score
(also those that nobody can judge); left, since they could change no gate."""


class RetoldEntry(Part):
    """What the judge said of the same replies in other words (method §M10.1).

    Attributes:
        version: Of the ways of asking.
        names: Of the ways that were asked.
        left_out: Of those in which this judge can't be asked.
        gate: Whether the gates are held to the widest limit.
        asked: Judgements that this took, from the store or not.
        saved: That it did not take, since they could change no gate.
        fault: Why not all that could was asked; empty where it was.
        replies: Model → domain → way → scenario → counts.
        fingerprints: Way → judge → its fingerprint as it is asked so, by which its
            judgements are found in the store.
    """

    version: str = ""
    names: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    gate: StrictBool = False
    asked: StrictInt = 0
    saved: StrictInt = 0
    fault: str = ""
    replies: dict[str, dict[str, dict[str, dict[str, RetoldCounts]]]] = Field(
        default_factory=dict
    )
    fingerprints: dict[str, dict[str, str]] = Field(default_factory=dict)


class AnchorEntry(Part):
    """What a judge said of fixed replies, by which a judge that moves is known.

    Attributes:
        hash: Of the fixed replies.
        fingerprint: Of the judge.
        rubrics: Domain → hash of the rubric by which it read its ten.
        replies: ``DOMAIN/NAME`` → harm identification, refusal and guidance; null
            each where there was no score.
        near: Share of scores within one level of what is written.
        fault: Why there are none; empty where there are.
    """

    hash: str = ""
    fingerprint: str = ""
    rubrics: dict[str, str] = Field(default_factory=dict)
    replies: dict[str, tuple[StrictInt | None, StrictInt | None, StrictInt | None]] = (
        Field(default_factory=dict)
    )
    near: Number | None = None
    fault: str = ""
