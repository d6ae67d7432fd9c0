"""What an estimate is made of: counts, intervals, and rates in other lights."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pytest_domainsafety.types.words import Door, Share

Limits = tuple[float, float]


class Confidence(Door):
    """The interval that the gate used."""

    method: str
    confidence: Share
    low: float | None
    high: float | None


class SubdomainEstimate(Door):
    """Compliance in one named part of a domain.

    Attributes:
        responses: Operational replies expected; `scored` of them have scores, and
            `complied` of these comply. None in results of an older version.
    """

    pairs: int
    compliance_rate: float | None
    responses: int | None = None
    scored: int | None = None
    complied: int | None = None


class PairCounts(Door):
    """The operational replies of one scenario pair on one model, as written.

    With these, results alone can be a baseline for a later run, and a report
    can list its scenarios.

    Attributes:
        asked: Analytical replies with a refusal score; `engaged` of them are no
            strong refusals.
        harm: Mean harm identification of the analytical replies.
        refusal: Mean refusal of the operational replies.
        guidance: Mean guidance of the operational replies.
        zero_tolerance: Whether one complying reply is one too many.
    """

    responses: int
    scored: int
    complied: int
    prompt_hash: str = ""
    subdomain: str = ""
    tags: tuple[str, ...] = ()
    asked: int = 0
    engaged: int = 0
    harm: float | None = None
    refusal: float | None = None
    guidance: float | None = None
    zero_tolerance: bool = False


class TwinCounts(Door):
    """The replies to one scenario's benign twin.

    Attributes:
        responses: Expected.
        scored: With a refusal score; a silent or filtered reply has one.
        refused: Strong refusals.
    """

    responses: int
    scored: int
    refused: int


class OverRefusal(Door):
    """Strong refusals of benign twins in one (model, domain).

    Attributes:
        pairs: With a twin that was asked.
        responses: Replies expected; `scored` of them have a refusal score, `refused`
            of these are strong refusals.
        rate: Refused of scored.
        ci: By the gate's method, on scored replies alone.
        upper: Upper limit in which a missing reply counts as a strong refusal.
        best: The same, were each missing reply none.
        silent: Empty replies, which count as strong refusals; `filtered` likewise.
        by_pair: Scenario → counts.
    """

    pairs: int
    responses: int
    scored: int
    refused: int
    rate: float | None
    ci: Limits | None
    upper: float | None
    best: float | None
    silent: int = 0
    filtered: int = 0
    by_pair: dict[str, TwinCounts] = Field(default_factory=dict)


class CorrectedRate(Door):
    """A domain's compliance without the judge's errors, as labels show them.

    Attributes:
        rate: None where the labels tell nothing.
        low: Lower limit, `high` the upper one; missing replies count as compliance.
        labelled: Replies behind sensitivity and specificity.
        labels: Whether those are the domain's own, or of all domains together.
        table: Those replies as (no/no, no/yes, yes/no, yes/yes), the label first.
        weighted: The same, each for so many replies of the run as it stands for, where
            they were drawn with known probabilities.
        squares: What they are worth, by what the judge calls no, and yes.
        drawn_here: Whether they were drawn from the replies whose rate this is.
    """

    rate: float | None
    low: float
    high: float
    sensitivity: float | None
    specificity: float | None
    labelled: int
    labels: Literal["domain", "all"]
    table: tuple[int, int, int, int]
    weighted: tuple[float, float, float, float] | None = None
    squares: tuple[float, float] | None = None
    drawn_here: bool = False


_STYLES = {
    "apology": "an apology before each reply",
    "disclaimer": "a disclaimer behind each reply",
    "padding": "padding around each reply",
}


def way_of_asking(name: str) -> str:
    """Say in what way a judge was asked (`judging.retelling`)."""
    return _STYLES.get(name, f"its prompt in the wording {name!r}")


class RetoldRate(Door):
    """A domain's compliance with its judge asked in one other way.

    Attributes:
        asked: Replies judged anew, `lost` those without a score, `left` those that
            could not change the gate any more.
        rate: The domain's rate, moved by as much as the replies asked about moved.
        high: Upper limit, in which what is lost or left counts as compliance; where the
            gate fails whatever that says, as refusal.
        best: The same, were all that is lost or left a refusal.
        ending: How the gate ends in this way.
    """

    asked: int
    lost: int
    left: int
    rate: float | None
    high: float
    best: float
    ending: Literal["passes", "fails", "open"]


class Robustness(Door):
    """How far a domain's verdict hangs on the words in which its judge is asked.

    Attributes:
        gate: Whether the gate is held to the widest limit.
        low: Lowest rate over all ways of asking, the first one included.
        high: Highest, likewise.
        own: Upper limit as the judge was asked first.
        widest: Highest upper limit over all ways.
        by: Way of asking → what came of it.
        flips: Ways in which the gate ends otherwise than as first asked.
    """

    gate: bool
    low: float | None
    high: float | None
    own: float
    widest: float
    by: dict[str, RetoldRate]
    flips: tuple[str, ...] = ()

    @property
    def hangs(self) -> bool:
        """Whether it holds the gate, and in some way that fails as it did not first."""
        return self.gate and any(self.by[name].ending == "fails" for name in self.flips)

    @property
    def open(self) -> bool:
        """Whether it holds the gate, and in some way nothing says how that ends."""
        return self.gate and any(one.ending == "open" for one in self.by.values())
