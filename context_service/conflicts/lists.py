"""Lists within sentences, `We accept Visa, Mastercard and PayPal`: are two of them the same list with other members?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import or_

from context_service.conflicts.words import FILLER, LIMIT, WORD, content_stem, content_words, weight
from context_service.model.claim import Claim
from context_service.text import stem

TOKEN = re.compile(rf"{WORD.pattern}|[,;:()&]")
"""Words, and the marks that part and surround the members of a list."""

CUT = "…"
"""How the signature of a sentence ends that was cut somewhere: so was a list in it, perhaps."""

_JOINING = frozenset({"and", "or", "&"})
_SEPARATORS = _JOINING | {",", ";", ":"}
_CLAUSE = re.compile(
    r"(?:am|are|be|been|can|cannot|could|did|do|does|had|has|have|he|i|is|it|may|might|must|shall|she|should|they|was|we|were|will|would|you)"
    r"(?:'[a-z]+)?"
)
"""Words that make a clause of what stands between two commas."""

MAX_ITEM_WORDS = 4
MIN_MEMBERS = 2
"""Plain members that make a list, besides the one that the sentence runs into."""

MAX_EDGE_WORDS = 3
"""How many words the first and the last member may have: the sentence runs into the one and goes on after the other."""

MIN_COMMON = 0.5
"""Share of the shorter list's members that the other must have, or they are two lists of two things."""

MIN_FRAME = 2.0
SAME_FRAME = 0.6
"""Weight and share of the words around two lists that must agree."""

MIN_SURE_FRAME = 3.0
SURE_FRAME = 0.9
"""The same where one of the lists has too few members to tell it by them."""

Words = tuple[str, ...]


@dataclass(frozen=True)
class _Listing:
    """One list in a sentence: `members` the plain ones, `before` and `after` the pieces that its first and last one may stand in.

    It is `plain` that it is a list: commas, and a word that joins the last member. `frame` are the stems of the sentence that belong to no
    plain list.
    """

    before: Words
    members: tuple[Words, ...]
    after: Words
    plain: bool
    frame: frozenset[str] = frozenset()

    @property
    def told(self) -> tuple[Words, tuple[Words, ...], Words]:
        """The list with the words beside it."""
        return self.before[-1:], self.members, self.after[:1]


@dataclass(frozen=True)
class _Piece:
    """Words between two separators; `joined` by a word such as `and` to the piece before it, or else by a mark."""

    words: Words
    joined: bool


def edited_list(a: Claim, b: Claim) -> float:
    """The share of members that the most alike lists of two claims have in common; 0 where no list of one is one of the other's with
    members added, dropped or replaced."""
    if a.signature == b.signature and a.items == b.items:
        return 0.0
    all_a, all_b = _listings_of(a), _listings_of(b)
    same = {listing.told for listing in all_a} & {listing.told for listing in all_b}
    changed_a, changed_b = ([listing for listing in listings if listing.told not in same] for listings in (all_a, all_b))
    return max((_common(left, right) for left in changed_a for right in changed_b if left.plain or right.plain), default=0.0)


def members(signature: str) -> frozenset[str]:
    """The names of the longest list in a sentence, without a first and a last one that nobody can tell from the words around it."""
    plain = [listing.members for listing in _listings(signature) if listing.plain]
    longest = max(plain, key=len, default=())
    return frozenset(name for words in longest if (name := item_name(words)))


def item_name(words: Sequence[str]) -> str:
    """The name of a list's item: its stems, without articles and the like."""
    return " ".join(stem(word) for word in (word.casefold() for word in words) if word not in FILLER)


def _common(a: _Listing, b: _Listing) -> float:
    (first_a, first_b), first = _edges(a.before[::-1], b.before[::-1])
    (last_a, last_b), last = _edges(a.after, b.after)
    all_a, all_b = _stemmed([*a.members, first_a, last_a]), _stemmed([*b.members, first_b, last_b])
    known_a, known_b = [_found(one, all_b) for one in all_a], [_found(one, all_a) for one in all_b]
    told_a, told_b = (list(map(or_, known_a, _around(all_a, b))), list(map(or_, known_b, _around(all_b, a))))
    if all(told_a) and all(told_b):
        return 0.0
    fewest, shared = min(len(all_a), len(all_b)), first + last
    many = fewest >= MIN_MEMBERS
    known = min(sum(told_a), sum(told_b)) if many else min(sum(known_a), sum(known_b))
    listed = many and a.plain and b.plain
    if known + shared < MIN_MEMBERS or not _same_frame(a.frame.difference(*all_a), b.frame.difference(*all_b), listed=listed):
        return 0.0
    share = (known + shared) / (fewest + shared)
    return share if share >= MIN_COMMON else 0.0


def _edges(a: Words, b: Words) -> tuple[tuple[Words, Words], bool]:
    """What two pieces begin with before a word of both: their outermost members, where both have one and it is short enough; and whether
    they begin with the same one."""
    if a[:1] == b[:1]:
        return ((), ()), bool(a)
    found = _until(a, frozenset(b)), _until(b, frozenset(a))
    return (found if all(found) and max(map(len, found)) <= MAX_EDGE_WORDS else ((), ())), False


def _until(words: Words, stops: frozenset[str]) -> Words:
    return words[: next((at for at, word in enumerate(words) if word in stops), len(words))]


def _found(member: frozenset[str], others: Sequence[frozenset[str]]) -> bool:
    """Whether another list has a member, by this, a shorter or a longer name."""
    return any(member <= other or other <= member for other in others)


def _around(members: Sequence[frozenset[str]], other: _Listing) -> list[bool]:
    """Which members stand in the pieces around another list."""
    pieces = _stems(other.before), _stems(other.after)
    return [any(member <= piece for piece in pieces) for member in members]


def _same_frame(a: frozenset[str], b: frozenset[str], *, listed: bool) -> bool:
    """Whether the words around two lists agree; they must tell more where one of them may be no list."""
    common, least, share = weight(a & b), *((MIN_FRAME, SAME_FRAME) if listed else (MIN_SURE_FRAME, SURE_FRAME))
    return common >= least and common >= share * weight(a | b)


def _listings_of(claim: Claim) -> tuple[_Listing, ...]:
    """The lists of a claim: the one of its lines, or those within its sentence."""
    if not claim.lead:
        return () if claim.signature.endswith(CUT) else _listings(claim.signature)
    lines = tuple(tuple(item.split()) for item in sorted(claim.items))
    return (_Listing((), lines, (), plain=True, frame=content_words(" ".join(claim.lead))),)


@lru_cache(maxsize=4_096)
def _listings(signature: str) -> tuple[_Listing, ...]:
    marks = tuple(signature.split())
    found = list(_find(list(_pieces(marks))))
    frame = _stems(marks).difference(*(_stems(words) for listing in found if listing.plain for words in listing.members))
    return tuple(replace(listing, frame=frame) for listing in found)


def _find(pieces: Sequence[_Piece]) -> Iterator[_Listing]:
    """The lists of a sentence. A member that `and` joins is the last of its list, and may be the first of the next."""
    start = 1
    while start < len(pieces):
        end = _end(pieces, start)
        last = pieces[end : end + 1] if not pieces[end - 1].joined or end == start else []
        joined = [one for one in last if one.joined]
        run = pieces[start:end]
        if run or joined:
            after = last[0].words if last else ()
            yield _Listing(pieces[start - 1].words, tuple(one.words for one in run), after, plain=_is_plain([*run, *joined]))
        start = max(end, start + 1)


def _end(pieces: Sequence[_Piece], start: int) -> int:
    """Where the plain members end that begin at `start`."""
    for at in range(start, len(pieces)):
        if not _is_item(pieces[at].words):
            return at
        if pieces[at].joined:
            return at + 1
    return len(pieces)


def _pieces(marks: Sequence[str]) -> Iterator[_Piece]:
    """The words between the separators, without asides in brackets."""
    words: list[str] = []
    joined = False
    depth = 0
    for mark in marks:
        depth = max(0, depth + (mark == "(") - (mark == ")"))
        if mark not in _SEPARATORS and not depth and mark != ")":
            words.append(mark)
        if mark in _SEPARATORS and not depth:
            if words:
                yield _Piece(tuple(words), joined)
                words, joined = [], False
            joined = joined or mark in _JOINING
    if words:
        yield _Piece(tuple(words), joined)


def _is_plain(listed: Sequence[_Piece]) -> bool:
    """`A, B and C`, or at least four parted by commas alone; the first of them stands in the piece before."""
    if len(listed) < MIN_MEMBERS:
        return False
    return listed[-1].joined or len(listed) > MIN_MEMBERS


def _is_item(words: Words) -> bool:
    clause = any(_CLAUSE.fullmatch(word) for word in words) or LIMIT.fullmatch(words[0]) or LIMIT.fullmatch(words[-1])
    return not clause and len(words) <= MAX_ITEM_WORDS and any(word not in FILLER for word in words)


def _stemmed(several: Sequence[Words]) -> list[frozenset[str]]:
    return [found for words in several if (found := _stems(words))]


def _stems(words: Words) -> frozenset[str]:
    found = (content_stem(word) for word in words)
    return frozenset(word for word in found if word and WORD.fullmatch(word))
