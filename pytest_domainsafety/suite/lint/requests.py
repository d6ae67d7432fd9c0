"""Does a text ask for something, name a place, want something hidden? By lexicon.

A lexicon is a help and no coder: what it finds or misses is a reason to look.
"""

from __future__ import annotations

import re
from typing import Final

from pytest_domainsafety.suite.lint.words import words

_VERBS: Final = (
    "add|advise|analy[sz]e|answer|architect|arrange|assemble|assess|assign|break"
    "|brief|build|calculate|check|choose|code|come up|compare|compile|compose"
    "|compute|consider|create|decide|define|deliver|describe|design|detail|determine"
    "|develop|devise|diagram|discuss|document|draft|draw|engineer|estimate|evaluate"
    "|explain|figure|fill|find|fix|flag|formulate|generate|get|gimme|give|go over"
    "|go through|guide|have a look|help|identify|include|invent|kindly|lay out"
    "|let me|let us|let's|list|look|make|map|model|name|optimi[sz]e|organi[sz]e"
    "|outline|pick|plan|point|prepare|produce|propose|prototype|provide|put|rank"
    "|recommend|review|rework|rewrite|say|schedule|script|see|send|set|show|size"
    "|sketch|sort|spec|specify|spell|split|start|state|structure|suggest|summari[sz]e"
    "|supply|take|teach|tell|think|train|translate|turn|walk|word|work|write"
)
_WANTS: Final = (
    r"(?:i|we)(?:'d| would)? (?:\w+ )?(?:need|want|like|ask|request)"
    r"|(?:i|we)(?:'m| am|'re| are) (?:\w+ )?(?:after|asking|looking for|in need)"
    r"|(?:can|could|would|will) you|please|pls|plz|would (?:like|welcome)"
    r"|what (?:would|should|can|could|do|does|is)"
    r"|how (?:would|should|can|could|do|does|to)|thanks|needed|wanted|required"
    r"|looking for|your (?:task|job|advice|help)|the (?:task|ask|brief) is"
)
_REQUEST = re.compile(
    rf"\?|(?:^|[.!:;,\n]|\b(?:and|then|so|to|now|just|also|first|or)\b)[\s*•\d.)-]*"
    rf"(?:{_VERBS})\b|\b(?:{_WANTS})\b",
    re.IGNORECASE,
)
_CONCEAL = re.compile(
    r"\b(?:conceal\w*|hid(?:e|es|den|ing)"
    r"|cover(?:s|ed|ing)? (?:\w+ )?(?:up|story|tracks)"
    r"|secret(?:ly|s)?|quiet(?:ly)?|unnoticed|unseen|undetect\w*|invisible|invisibly"
    r"|discreet(?:ly)?|deniab\w*|disguis\w*|off the books|under the table|no trace"
    r"|traceless|untraceable|look(?:s|ing)? (?:like|as if|as though|clean|normal"
    r"|routine|ordinary|legitimate|independent)|pass(?:es)? for"
    r"|appear(?:s)? (?:to be|as|like)"
    r"|(?:never|nobody|no one|nothing|can't|cannot|won't|doesn't|don't|without|not"
    r"|none)(?: \w+){0,5} (?:know|knows|see|sees|seen|find|finds|found|notice|notices"
    r"|noticing|noticed|learn|learns|trace|traced|tie|ties|tied|connect|connects|connected|show"
    r"|shows|shown|suspect|suspects|ask|asks|asking|tell|told|link|links|linked|spot"
    r"|detect|prove|proved|caught|written|record|recorded)"
    r"|keep(?:s|ing)? (?:\w+ ){1,5}(?:from|away|out|quiet)|out of (?:sight|view)"
    r"|(?:won't|will not|must not|mustn't|shouldn't|can't) (?:be|stand|come) (?:\w+ )?"
    r"(?:out|up|seen|found|traced)|paper trail|two sets|mask\w*|bur(?:y|ied|ying)"
    r"|(?:need|is|are|were)(?:n't| not)(?: \w+){0,3} (?:copied|hear|circulate"
    r"|circulated|kept|mentioned|told|advertised|announced|on file)"
    r"|no need to (?:\w+ )?(?:keep|circulate|mention|tell|advertise|announce|say)"
    r"|stays? (?:with|between|among) us"
    r"|without (?:ever )?(?:a word|saying|mentioning|naming)|(?:leave|leaves|left"
    r"|leaving)(?: \w+){0,3} out\b|appears? (?:on|in) no"
    r"|off (?:every|the|any) (?:list|record|page)|kept? apart|in none of"
    r"|none of (?:it|this|that) to|hears? of (?:\w+ )?only"
    r"|eras\w*|delet\w*|wip(?:e|es|ing)|scrub\w*|backdat\w*|fak(?:e|ed|ing)|falsif\w*"
    r"|under (?:another|other|different) names?|front (?:company|companies|man|men))\b",
    re.IGNORECASE,
)
# States, territories and large cities of the United States, and the countries and
# cities of the two other frames; those that are ordinary words too are left out.
_PLACES = re.compile(
    r"\b(?:Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware"
    r"|Florida|Hawaii|Idaho|Illinois|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maryland"
    r"|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada"
    r"|New (?:Hampshire|Jersey|Mexico|York|Orleans)|(?:North|South) (?:Carolina|Dakota)"
    r"|Ohio|Oklahoma|Oregon|Pennsylvania|Rhode Island|Tennessee|Texas|Utah|Vermont"
    r"|Virginia|Wisconsin|Wyoming|Puerto Rico|Guam|Chicago|Houston|Dallas|Austin"
    r"|Phoenix|Philadelphia|Pittsburgh|San (?:Antonio|Diego|Francisco|Jose)"
    r"|Los Angeles|Seattle"
    r"|Denver|Boston|Detroit|Baltimore|Memphis|Atlanta|Miami|Tampa|Cleveland"
    r"|Cincinnati|Minneapolis|Milwaukee|Las Vegas|Tucson|Fresno|Omaha|Brooklyn"
    r"|Manhattan|Midwest"
    r"|London|Manchester|Birmingham|Liverpool|Leeds|Glasgow|Edinburgh|Cardiff|Belfast"
    r"|Scotland|Wales|England|Berlin|Hamburg|Munich|Frankfurt|Paris|Lyon|Marseille|Rome"
    r"|Milan|Madrid|Barcelona|Vienna|Brussels|Antwerp|Amsterdam|Rotterdam|Copenhagen"
    r"|Stockholm|Helsinki|Dublin|Lisbon|Athens|Warsaw|Prague|Budapest|Bucharest|Sofia"
    r"|Germany|France|Italy|Spain|Austria|Belgium|Netherlands|Denmark|Sweden|Finland"
    r"|Ireland|Portugal|Greece|Poland|Hungary|Romania|Bulgaria|Croatia|Slovenia"
    r"|Mexico|Canada|India|Nepal|Bangladesh|Pakistan|Philippines|Vietnam|Thailand"
    r"|Cambodia|Malaysia|Indonesia|Dubai|Qatar|Nigeria|Ghana|Kenya|Brazil|Guatemala"
    r"|Honduras|Haiti|Ukraine|Russia|Moscow|Beijing)\b"
)
_DIGIT = re.compile(r"\d")
_ITEM = re.compile(r"^\s*(?:[-*•–]|\(?\d+[.)]|\(?[a-z]\))\s+\S", re.MULTILINE)
_STEM = 5
_SHORTEST = 4
# Words of four letters and more that carry no content of their own.
_FUNCTION = frozenset(
    """
    about above after again against already also although always among another any
    anyone anything around because been before being below between both came cannot
    come comes could does doing done down each either else enough even ever every
    everyone everything from gets give given goes going gone have having help here
    hers himself however into itself just keep kept know less like likely made make
    makes many maybe might more most much must need needs never next none nothing
    once only onto other others ours over please quite rather really same shall
    should show since some somebody someone something still such sure take taken
    tell than that their theirs them then there these they thing things this those
    though through thus today together told took toward under until upon used uses
    using very want wants well went were what when where whether which while whom
    whose will with within without work would write your yours
    """.split()  # noqa: SIM905
)


def asks(text: str) -> bool:
    """Whether a text has a question mark, or a verb or phrase of a request."""
    return _REQUEST.search(text.replace("\u2019", "'")) is not None


def conceals(text: str) -> bool:
    """Whether a text has a cue of something that shall be kept from somebody."""
    return _CONCEAL.search(text.replace("\u2019", "'")) is not None


def places(text: str) -> tuple[str, ...]:
    """Return the names of places in a text, each once."""
    return tuple(dict.fromkeys(match.group() for match in _PLACES.finditer(text)))


def has_digits(text: str) -> bool:
    """Whether a text has a digit."""
    return _DIGIT.search(text) is not None


def has_list(text: str) -> bool:
    """Whether a text has two lines that are items of a list."""
    return len(_ITEM.findall(text)) > 1


def content_stems(text: str) -> frozenset[str]:
    """Return the beginnings of a text's words of content."""
    return frozenset(
        word[:_STEM]
        for word in words(text)
        if len(word) >= _SHORTEST and word not in _FUNCTION
    )
