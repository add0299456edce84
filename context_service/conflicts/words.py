"""The words of a sentence as the comparison counts them: stems without filler, one for each group of words that mean the same."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

from context_service.text import stem

WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
LIMIT = re.compile(
    r"\b(?:after|before|counting|during|except|excluding|for|from|if|in|including|of|on|once|only|other than|provided|under|unless|until"
    r"|when|where|while|with|without)\b",
    re.IGNORECASE,
)
"""Words that limit what stands beside them."""

LINK = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
TYPOGRAPHY = str.maketrans({"’": "'", "‘": "'", "‐": "-", "‑": "-", "–": "-", "\xa0": " "})
ENTITIES = {"&rsquo;": "'", "&lsquo;": "'", "&amp;": "&", "&nbsp;": " ", "&apos;": "'", "&apos": "'"}

FILLER = frozenset(
    """
    a about actually addition all also am an and any anything are as at automatically be been being both but by can could
    currently customer customers do does each either every everything few fewer for from furthermore generally had has have here
    how however i if in into is it its just least less like maximum may me member members might minimum most must my normally of
    on once or other our ours out own please really s shall should simply so some sometimes such than that the their theirs them
    then there therefore these they this those to too typically under up us user users usually very was we were what when where
    whether which who whose will with within without would you your yours yourself
    """.split()
)
"""Words that do not tell what a sentence is about. Roles of the reader (customer, member) are among them: every sentence has one."""

_SAME = """
cancel cancelled cancelling canceled canceling cancellation cancelation terminate terminated termination
email e-mail mail
refund reimburse reimbursement
buy purchase
phone telephone
fee charge
need require required
allow allowed permit permitted
begin start
finish end
show display
disclose share
assist help
answer reply respond response
subscription subscribe
delete deletion erase erasure
data content
app apps application applications
subprocessor processor
site website
obtain receive
must obliged
term terms
info information
""".strip().splitlines()
"""Words of one line are taken for the same in a sentence whose other words agree."""

_SYNONYMS = {stem(word): stem(line.split()[0]) for line in _SAME for word in line.split()}

LIGHT = frozenset(
    stem(word)
    for word in """
    able access additional always available company exactly first follow following get give given go good keep make many more most new often
    only part plan product region service services standard still take time total use used using well
    """.split()
)
"""Stems that tell little about the subject; half a word each."""


GENRES = LIGHT | frozenset(
    stem(word)
    for word in """
    about agreement answer article center centre common copy draft entry faq faqs form guide handbook help hint information introduction
    leaflet manual note notice overview page paper policy procedure question reference rule section sheet summary support term text tip
    version
    """.split()
)
"""Stems in titles that tell what kind of text it is, not what it is about."""


_ROLE = "plans?|customers?|members?|users?|accounts?|subscribers?|subscriptions?|tier|edition|version"


def plain(text: str) -> str:
    """One typography, links as their words."""
    for entity, char in ENTITIES.items():
        text = text.replace(entity, char)
    return LINK.sub(r"\1", unicodedata.normalize("NFKC", text).translate(TYPOGRAPHY))


def content_stem(word: str) -> str | None:
    """What one case-folded word counts as; None for filler."""
    word = word.removesuffix("'s")
    if word in FILLER:
        return None
    stemmed = stem(word)
    return _SYNONYMS.get(stemmed, stemmed)


def content_words(text: str) -> frozenset[str]:
    """Stems of the words that tell what a text is about."""
    return frozenset(content_stems(text))


def content_stems(text: str) -> Iterator[str]:
    """The same in the order of the text, repeats kept."""
    found = (content_stem(word) for word in WORD.findall(plain(text).casefold()))
    return (word for word in found if word)


def weight(words: Iterable[str]) -> float:
    """How much a set of stems tells."""
    return sum(0.5 if word in LIGHT else 1.0 for word in words)


class Vocabulary:
    """The company's own names as stems, and the words that stand for each applicability value.

    `names` maps an attribute (`plan`, `product`, `region`) to its values; `synonyms` a value to other words for it.
    """

    def __init__(self, names: Mapping[str, Iterable[str]], synonyms: Mapping[str, Iterable[str]]) -> None:
        self._synonyms = {value: frozenset(word for one in words for word in content_words(one)) for value, words in synonyms.items()}
        self._spelled = [(attribute, value, self._pattern(value, synonyms)) for attribute, values in names.items() for value in values]

    def mentioned(self, text: str) -> dict[str, frozenset[str]]:
        """The company's plans, products and regions that a text names, by attribute."""
        found: dict[str, set[str]] = {}
        for attribute, value, pattern in self._spelled:
            if pattern.search(text):
                found.setdefault(attribute, set()).add(value)
        return {attribute: frozenset(values) for attribute, values in found.items()}

    def explain(self, values: Iterable[str]) -> frozenset[str]:
        """Stems that a text may use because it applies to these values alone."""
        explained = {stem("plan"), stem("product"), stem("region")}
        for value in values:
            explained |= content_words(value) | self._synonyms.get(value, frozenset())
        return frozenset(explained)

    @staticmethod
    def _pattern(value: str, synonyms: Mapping[str, Iterable[str]]) -> re.Pattern[str]:
        words = (value, *synonyms.get(value, ()))
        # A name is one in capitals or beside a word that says so: `us` is a pronoun, and delivery may be free without the Free plan.
        capital = "|".join(re.escape(word if word[:1].isupper() else word.capitalize()) + "s?" for word in words)
        lower = "|".join(re.escape(word) + "s?" for word in words if not word.isupper())
        beside = rf"|(?i:{lower})(?=\s(?:{_ROLE}))" if lower else ""
        return re.compile(rf"(?<![\w-])(?:(?:{capital}){beside})(?![\w-])")
