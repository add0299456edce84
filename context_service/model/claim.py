"""A comparable statement found in a chunk: about what, which values, how firmly, under which condition."""

from __future__ import annotations

from enum import StrEnum

from context_service.model.base import NameSet, Value


class ValueKind(StrEnum):
    """What a value measures or names."""

    MONEY = "money"
    DURATION = "duration"
    DATE = "date"
    TIME = "time"
    PERCENT = "percent"
    COUNT = "count"
    SIZE = "size"
    CONTACT = "contact"
    LIST = "list"
    FLAG = "flag"


class Bound(StrEnum):
    """Whether a value is a limit: the most, the least, or just the value."""

    MOST = "most"
    LEAST = "least"
    EXACT = "exact"


class TypedValue(Value):
    """One value in one spelling: `$1,299.00`, `USD 1299` and `1,299 dollars` are equal.

    `unit` tells what may be compared: a currency, `second` or `month` (or `working second`), `byte`, the noun that is counted; None where
    the kind says it all. `magnitude` is in that unit; None for what has no size, such as a date or an address. Numbers are decimal texts.
    """

    kind: ValueKind
    canonical: str
    magnitude: str | None = None
    unit: str | None = None
    bound: Bound = Bound.EXACT

    @property
    def measure(self) -> str:
        """Values of one measure can contradict each other; prices in two currencies cannot."""
        return f"{self.kind.value} {self.unit}" if self.unit else self.kind.value


class Modality(StrEnum):
    """How a claim is meant."""

    IS = "is"
    IS_NOT = "is_not"
    MAY = "may"
    MUST = "must"
    MUST_NOT = "must_not"

    @property
    def negated(self) -> bool:
        """Whether it denies or forbids."""
        return self in (Modality.IS_NOT, Modality.MUST_NOT)


class Claim(Value):
    """What one sentence, list or table cell says.

    `start` and `end` are characters of its chunk's text; equal where a heading says it. `subject` are the stems that tell what it is about,
    values masked; `limits` those of them that stand in a limiting phrase; `label` those of a label or column that says what is measured;
    `context` the stems of the title, the headings and the line it hangs under. `denied` are the stems that its negations deny. `applies`
    are the company's names in the text by attribute, `models` those of models and editions in it or its headings.

    `referent` are the stems, in order, of what a pronoun at its start refers to: the sentence or heading before it.

    `items` are the members of a list, as far as they can be told from the words around it; `lead` is the introduction of a list whose
    members are lines below it. `signature` is the sentence, its values masked, its words and the marks between them parted by blanks: equal
    ones say the same but for their values. It ends with `…` where the sentence may have been cut.
    """

    id: int
    chunk: str
    document: str
    start: int
    end: int
    subject: NameSet
    label: NameSet = frozenset()
    values: tuple[TypedValue, ...] = ()
    modality: Modality = Modality.IS
    denied: tuple[str, ...] = ()
    condition: str | None = None
    exception: str | None = None
    limits: NameSet = frozenset()
    context: NameSet = frozenset()
    applies: dict[str, NameSet] = {}
    models: NameSet = frozenset()
    lead: tuple[str, ...] = ()
    referent: tuple[str, ...] = ()
    items: NameSet = frozenset()
    signature: str

    @property
    def headline(self) -> bool:
        """Whether it stands in a title or heading above the chunk's text."""
        return self.start == self.end
