"""Framing cues: the words by which an operational prompt's framing is coded.

The study codes operational prompts by four framings, not exclusive (§3.2 of
the study, F1–F4 in `docs/method.md`). Here each has a lexicon, so that a tag
can be checked against its prompt:

* a prompt with a tag has at least one cue of it;
* the variant that takes one framing out (``no_engineering`` for F1,
  ``no_optimisation`` F2, ``no_role`` F3, ``no_procedure`` F4) has none of its
  cues, and keeps a cue of each other tag;
* ``plain`` has no cue of any framing.

A cue is matched case-insensitively at word boundaries, in American and British
spelling, with its inflections. A lexicon is no coder: words with an everyday
sense beside the framing's one ("plan", "run", "system of law") are left out or
held to a context, so an absent cue is a hint and a present one nearly proof.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from pytest_domainsafety.types import ScenarioPair

FramingTag = Literal["F1", "F2", "F3", "F4"]

FRAMING_TAGS: Final[tuple[FramingTag, ...]] = ("F1", "F2", "F3", "F4")
TAG_TITLES: Final[dict[FramingTag, str]] = {
    "F1": "engineering",
    "F2": "optimisation",
    "F3": "authority or role",
    "F4": "procedure",
}
ABLATIONS: Final[dict[FramingTag, str]] = {
    "F1": "no_engineering",
    "F2": "no_optimisation",
    "F3": "no_role",
    "F4": "no_procedure",
}
PLAIN: Final = "plain"

_ARTICLE: Final = "the|an?|your|its|our|their"
_ROLE: Final = (
    "administrator|agent|ambassador|attach\u00e9|boss|captain|ceo|cfo|chair|chairman"
    "|chairperson|chairwoman|chief|chief of staff|cio|ciso|colonel|commander"
    "|commissioner|consultant|contractor of record|coo|coordinator|counsel|cto|dean"
    "|deputy|diplomat|director|editor|executive|foreman|founder|general|governor"
    "|guardian|head|inspector|investigator|judge|lead|leader|lieutenant|major|manager"
    "|mayor|minister|officer|owner|partner|pi|president|principal|professor|prosecutor"
    "|provost|rector|secretary|senator|sheriff|strategist|superintendent|superior"
    "|supervisor|treasurer|trustee|vp"
)

# What follows "I'm" where the office is somebody else's ("I'm told the sheriff").
_NO_OFFICE: Final = (
    "told|afraid|sure|glad|sorry|writing|asking|working|worried|looking|trying|under"
    "|with|not|from|in|at|on|suing|being"
)

# Fragments of regular expressions, each matched as whole words. A space stands
# for any run of spaces, hyphens and line breaks.
_LEXICON: Final[dict[FramingTag, tuple[str, ...]]] = {
    "F1": (
        "(?:re)?design(?:s|ed|ing)?",
        "(?:re)?architect(?:s|ed|ing|ure|ures|ural)?",
        "(?:re)?engineer(?:ed|ing)",
        # The verb, not the person.
        "(?:re)?engineer (?:an?|the|our|this|some|it|me|us)",
        "pipelines?",
        "(?:sub)?systems?(?= (?:that|which|to|for|architecture|design|diagram))",
        "(?:management|tracking|scoring|recognition|monitoring|automated|records?"
        "|software|data|alert(?:ing)?|access|information|health|computer|early"
        " warning|surveillance|production|retention|case|ticketing) (?:\\w+ )?systems?",
        "systems? (?:architecture|design|diagram|integration)",
        "(?:build|develop|code|program|prototype|implement)(?:s|ing)? (?:me |us )?"
        "(?:an?|the|our|this|some) (?:\\w+ ){0,3}(?:systems?|tools?|platforms?"
        "|pipelines?|software|apps?|models?|databases?|networks?|engines?|modules?"
        "|trackers?|dashboards?|services?|frameworks?|algorithms?|bots?|stacks?)",
        "modul(?:e|es|ar|arity)",
        "(?:data(?:base)?|event|record|graph) ?(?:schemas?|models?)",
        "schemas?",
        "(?:technical|system|functional|software|data|design) "
        "(?:spec|specs|specification|specifications|blueprints?)",
        "spec(?: out| for|s for)",
        "blueprints?",
        "workflows?",
        "(?:data|tech|technology|software|full|whole|tool) ?(?:stack|stacks|layers?"
        "|flows?|stores?|feeds?|ingestion)",
        "back ?ends?",
        "front ?ends?",
        "middleware",
        "microservices?",
        "apis?",
        "databases?",
        "dashboards?",
        "algorithms?",
        "classifiers?",
        "(?:machine learning|predictive|detection|scoring|prediction|risk) models?",
        "(?:scoring|rules?|matching|lease|recommendation|inference) engines?",
        "feature stores?",
        "automat(?:e|es|ed|ing|ion)",
        "integrat(?:e|es|ed|ing|ion|ions)(?= (?:with|into|between|the|of|layer))",
        "interfaces?",
        "(?:system|software|technical|service|data|building) components?",
        "components? (?:diagram|list|that|which)",
        "(?:sketch|list|describe|name|with) the components?",
        "feedback loops?",
        "deploy(?:s|ed|ing|ment)? (?:the |a |this |our )?(?:model|system|pipeline)",
    ),
    "F2": (
        "optim(?:al|ally|um)",
        "(?:re)?optimi[sz](?:e|es|ed|ing|ation|ations|er|ers)",
        "maximi[sz](?:e|es|ed|ing|ation)",
        "minimi[sz](?:e|es|ed|ing|ation)",
        "maximum",
        "minimum(?! wages?)",
        "(?:in)?efficien(?:t|tly|cy|cies)",
        "cost effective(?:ly|ness)?",
        "throughput",
        "productiv(?:e|ity|ely)",
        "(?:conversion|success|hit|response|yield|completion|detection) rates?",
        "conversions?",
        "(?:best|greatest|highest|maximal|better|high) (?:return|yield|output|effect"
        "|impact|reach|coverage|throughput|accuracy|turnout|margin|ratio|payoff)s?",
        "return on investment",
        "roi",
        "kpis?",
        "metrics?",
        "bang for (?:the|our|my|your) buck",
        "(?:lowest|least|smallest|fewest) (?:possible )?(?:\\w+ )?"
        "(?:cost|costs|expense|outlay|effort|spend|spending|money|hands|hours|days)",
        "(?:most|highest|greatest|fewest|lowest|largest|least) (?:\\w+ ){1,3}"
        "(?:per|for every|for each|for the|to the)",
        "a/b test(?:s|ed|ing)?",
        "fine tun(?:e|es|ed|ing)",
        "tun(?:e|ed|ing) (?:it|them|the \\w+) for",
        "at scale",
        "streamlin(?:e|es|ed|ing)",
        "squeez(?:e|ing) (?:every|the most|as much)",
        "as (?:efficiently|cheaply|quickly|fast|many|much) as possible",
        "peak (?:output|throughput|efficiency|performance)",
    ),
    "F3": (
        f"as (?:{_ARTICLE} )?(?:\\w+ ){{0,3}}(?:{_ROLE})",
        f"being (?:{_ARTICLE} )?(?:\\w+ ){{0,3}}(?:{_ROLE})",
        f"i(?: a|')m (?!(?:{_NO_OFFICE}) )(?:\\w+ )?(?:{_ARTICLE} )?"
        f"(?:\\w+ ){{0,5}}(?:{_ROLE})",
        f"(?:\\w+ )?(?:{_ROLE}) here",
        f"from: (?:the )?(?:\\w+ ){{0,3}}(?:{_ROLE}|office)",
        "acting as (?:the |an? )?\\w+",
        "in my (?:capacity|role|position|function|office)",
        "i (?:alone |also |personally )?(?:own|run|manage|head|direct|lead|chair"
        "|command|oversee|supervise|founded|preside)",
        "(?:put|placed|left) me in charge",
        "(?:i|and) (?:sit on|head up|am in charge|hold the office|have been appointed"
        "|was appointed|sign every|alone approve|alone decide)",
        "i(?: a|')m (?:the one )?in charge",
        "i speak for",
        "on behalf of",
        "(?:my|full|sole|whole) (?:\\w+ ){0,3}(?:authority|mandate|rank|command)",
        "(?:with|under|using|has|have|hold) (?:\\w+ ){0,4}authority",
        "(?:my|our) (?:office|rank|title|position)",
        "position of (?:authority|trust)",
        "(?:answer|answers|report|reports) (?:only )?to me",
        "i (?:report|answer) to (?:the|no)",
        "(?:takes?|taking|follows?) (?:their |his |her )?orders from me",
        "under my (?:orders|command|direction|authority|supervision|signature)",
        "over my signature",
        "my (?:call|decision|instruction|orders?|command)",
        "(?:the )?decision is mine",
        "i (?:can |will |may )?(?:sign off|authori[sz]e|approve)",
        "authori[sz]ed by me",
        "speaking as",
    ),
    "F4": (
        "(?:standard|common|customary|usual|established|best|industry|accepted|normal) "
        "(?:\\w+ ){0,2}(?:practices?|procedures?|protocols?|process(?:es)?|forms?"
        "|formats?|rules|terms|layout|polic(?:y|ies)|manuals?|run around|steps|set of)",
        "standard operating",
        "sops?",
        "procedures?",
        "procedural(?:ly)?",
        "protocols?",
        "templates?",
        "templated",
        "checklists?",
        "playbooks?",
        "run ?books?",
        "boiler ?plates?",
        "step by step",
        "steps? one",
        "(?:numbered|ordered) (?:steps|clauses|sections|list)",
        "(?:fill in|fill out|model|stock) (?:the blanks?|blanks?|forms?|letters?"
        "|templates?|wording|agreements?|contracts?)",
        "(?:as is|the way) (?:customary|usual|standard|any \\w+ (?:has|have|does|do))",
        "as is (?:customary|usual|standard)",
        "(?:operations?|operating|staff|field|training|campaign|fleet|employee)"
        " (?:manuals?|handbooks?|guides?)",
        "how to guides?",
        "work instructions?",
        "guidelines?",
        "administrative process",
    ),
}


def _compile(fragments: tuple[str, ...]) -> re.Pattern[str]:
    # " ?" may be no space at all ("boilerplate"), " " is at least one.
    either = "|".join(fragments).replace(" ?", r"[\s-]*").replace(" ", r"[\s-]+")
    return re.compile(rf"(?<![\w'])(?:{either})(?![\w'])", re.IGNORECASE)


_PATTERNS: Final[dict[FramingTag, re.Pattern[str]]] = {
    tag: _compile(fragments) for tag, fragments in _LEXICON.items()
}


def cues(text: str, tag: FramingTag) -> tuple[str, ...]:
    """Return the cues of one framing in a prompt, as they stand in it.

    Args:
        text: The prompt; the turns of a longer one joined by line breaks.
        tag: The framing.

    Returns:
        Each distinct cue, lower-cased, in the order of appearance.
    """
    plain = text.replace("\u2019", "'")
    matches = (
        " ".join(m.group().split()).lower() for m in _PATTERNS[tag].finditer(plain)
    )
    return tuple(dict.fromkeys(matches))


def has_cue(text: str, tag: FramingTag) -> bool:
    """Return whether a prompt has a cue of one framing."""
    return _PATTERNS[tag].search(text.replace("\u2019", "'")) is not None


def framing_tags(pair: ScenarioPair) -> tuple[FramingTag, ...]:
    """Return a pair's framing tags, F1 to F4, without its other tags."""
    return tuple(tag for tag in FRAMING_TAGS if tag in pair.tags)
