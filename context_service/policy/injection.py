"""Sentences that try to instruct the agent. Content is data: they are flagged and taken out of answers, and change nothing else."""

from __future__ import annotations

import re

from context_service.text import sentences

FLAG = "instructs_agent"

_ORDER = r"(?:^|[,:;>*\"'“(]\s*|\b(?:please|now|must|should|and|then|also|just|can you)\s+)"
"""Before a verb that orders something; `you can ignore`, `never bypass` and `scammers pretend` order nothing."""

_BOT = r"(?:ai|llm|gpt|chatgpt|chat ?bot|bot|language model|(?:ai|virtual|digital) (?:agent|assistant|model))"
"""An agent that is a program: procedures speak of human agents, and those are their readers."""

_REPLY = r"your (?:response|answer|reply|output)\b"
_PART = r"(?:an? |the )?(?:\w+ ){0,3}"

_ORDERS_ARE_VOID = (
    _ORDER + r"(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:previous|prior|above|earlier|preceding|all|any|your|system)\b"
    r".{0,40}\b(?:instruction|prompt|rule|guideline|direction|context|polic)",
    (
        r"\b(?:do not|don['’]t|never) (?:tell|inform|show)\b.{0,30}\b(?:user|customer|anyone|human)s?\b.{0,60}"
        r"\b(?:(?:these|your|hidden) (?:instructions|prompts?)|this (?:message|text|note))\b"
    ),
    r"\b(?:do not|don['’]t|never) (?:reveal|mention|repeat)\b.{0,30}\b(?:these|your|hidden) (?:instructions|prompts?)\b",
    r"\b(?:system prompt|developer message|(?:jailbreak|god|dan) mode)\b",
)
_ANOTHER_PART_TO_PLAY = (
    rf"\byou are now {_PART}{_BOT}\b",
    _ORDER + rf"(?:pretend (?:to be|you are|that you)|(?:act|behave|respond) as {_PART}{_BOT})\b",
    r"\bfrom now on,? (?:you )?(?:must |will |should |shall |always |only )*(?:answer|respond|reply|act|speak|obey|pretend|say)\b",
    (
        rf"\b{_BOT}s?\b.{{0,30}}\b(?:must|should|shall|please|need to|has to|have to)\b.{{0,30}}"
        r"\b(?:tell|say|reply|respond|answer|output|reveal|print|send|promise|grant|offer|write|recommend|ignore|disregard)\b"
    ),
    r"^\W*(?:system|assistant|developer)\s*:\s*(?:you|ignore|disregard|override|forget|from now on|sure|please|always|never|do not)\b",
    r"<\|?(?:im_start|im_end|system|endoftext)\|?>|\[/?INST\]",
)
_BENT_REPLY = (
    _ORDER + rf"(?:translate|render|encode|encrypt|reverse|invert|cipher|modify|enhance|augment) {_REPLY}",
    rf"\b{_REPLY}.{{0,60}}\b(?:base ?(?:16|32|58|64)|cipher|backwards?|in reverse|us(?:e|ing) emojis?|with emojis?)",
    rf"\b(?:base ?(?:16|32|58|64)|cipher|use emojis?)\b.{{0,40}}\b{_REPLY}",
    _ORDER + rf"(?:add|integrate|insert|include) {_PART}(?:sentence|statement|line|claim|teaser|statistic)\b.{{0,60}}{_REPLY}",
    rf"\badd [\"“].{{0,120}}[\"”] to {_REPLY}",
    r"\bin your (?:response|answer),? (?:include|mention|suggest|promote|recommend|say)\b",
)
PATTERN = re.compile("|".join((*_ORDERS_ARE_VOID, *_ANOTHER_PART_TO_PLAY, *_BENT_REPLY)), re.IGNORECASE)


def instructing_sentences(text: str) -> list[tuple[int, int]]:
    """Spans of the sentences of `text` that address the agent instead of informing it."""
    return [(start, end) for start, end in sentences(text) if PATTERN.search(text[start:end])]
