"""The sections of the report: each prints its tables and returns its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.quality import budget as budgets
from benchmarks.quality import calibration, corpora
from benchmarks.quality import facets as regions
from benchmarks.quality.company import Company, Models, opened
from benchmarks.quality.corpora import Asked, Corpus, Missing
from benchmarks.quality.fixtures import tidewell
from benchmarks.quality.ladder import Reading, indexed, ranked, rungs
from benchmarks.quality.metrics import Ranked, measure
from benchmarks.quality.plots import reliability_diagram
from benchmarks.quality.questions import GLOSSARY, Asking, Speller, acronyms, joined
from context_service.errors import ContextServiceError
from context_service.model.workflow import Tier
from context_service.retrieval.confidence import CURVES
from context_service.retrieval.understand import expanded

Figures = dict[str, Any]
CHANNELS = {"chat": Tier.THOROUGH, "voice": Tier.FAST, "unread": Tier.NONE}
"""Channel -> the tier that its questions are given in these companies."""

STRANGERS = {"WHO": "Australia", "Australia": "WHO"}
"""Set -> the set whose questions are asked of it as such that it does not answer."""

MOST_STRANGERS = 100
"""About how many of them."""

SAMPLED = 3
LARGE = 200
"""Of sets with more questions, every so-manieth is asked where each costs several replies."""

SETS: dict[str, Callable[[], Corpus]] = {
    "docs": corpora.documentation,
    "WHO": lambda: corpora.authority("WHO"),
    "Australia": lambda: corpora.authority("Australia"),
    "policies": corpora.policies,
}
"""The sets in which every document stands for itself; `FIXTURES` is ingested in its own way."""

FIXTURES = "fixtures"


@dataclass(frozen=True)
class Bench:
    """Where figures go and what they are taken with."""

    console: Console
    folder: Path
    plots: Path
    models: Models
    sets: Sequence[str] = (*SETS, FIXTURES)
    every: int = 1
    """Every so-manieth question is asked."""

    def own(self) -> Iterator[tuple[str, Corpus]]:
        """The sets that were asked for and are there, thinned; those that are not are named."""
        for name in self.sets:
            if name in SETS and (corpus := self.take(name, SETS[name])):
                yield name, corpus

    def each(self, measured: Callable[[Company], Figures]) -> Figures:
        """Figures of each set; one that fails is named and leaves the others theirs."""
        figures: Figures = {}
        for name, corpus in self.own():
            try:
                with ExitStack() as stack:
                    figures[name] = measured(self.open(stack, corpus))
            except (ContextServiceError, OSError) as fault:
                figures[name] = self.failed(name, fault)
        return figures

    def failed(self, name: str, fault: Exception) -> Figures:
        """Why there are no figures."""
        reason = f"{type(fault).__name__}: {fault}"
        self.say(f"{name}: not measured, {reason}")
        return {"not measured": reason}

    def take(self, name: str, make: Callable[[], Corpus]) -> Corpus | None:
        """A set, thinned; None where it is not there, and that is said."""
        try:
            return make().thinned(self.every)
        except Missing as missing:
            self.say(f"{name}: left out, {missing}.")
            return None

    def sampled(self, corpus: Corpus) -> int:
        """Of the largest sets only every so-manieth question is asked where each costs several replies."""
        return SAMPLED if self.every == 1 and len(corpus.asked) > LARGE else 1

    def say(self, words: str) -> None:
        """A line of progress, at once."""
        self.console.print(words, style="dim", highlight=False)

    def open(self, stack: ExitStack, corpus: Corpus) -> Company:
        """The set, ingested."""
        self.say(f"{corpus.name}: {len(corpus.files)} documents, {len(corpus.asked)} questions")
        return stack.enter_context(opened(corpus, self.folder, self.models))

    def table(self, title: str, rows: Mapping[str, Mapping[str, float]]) -> None:
        """A row for each name, its numbers in three digits."""
        table = Table("", *next(iter(rows.values())), title=title, title_justify="left")
        for name, row in rows.items():
            table.add_row(name, *(f"{value:.3f}" for value in row.values()))
        self.console.print(table)


def ladder(bench: Bench) -> Figures:
    """Every rung on every set, and the service's own reply as the last one."""
    figures = bench.each(lambda company: _rungs(bench, company))
    if FIXTURES in bench.sets:
        bench.say("fixtures: the demo company")
        with tidewell(bench.folder, bench.models, bench.every) as company:
            figures[FIXTURES] = _rungs(bench, company, replies=False)
    return figures


def _rungs(bench: Bench, company: Company, *, replies: bool = True) -> Figures:
    rows: Figures = {}
    for name, every in rungs(company, bench.folder, bench.models.reranker):
        rows[name] = measure(every)
        bench.say(f"{company.corpus.name}: {name} MRR@10 {rows[name]['MRR@10']:.3f}")
    if replies:
        rows["the service"] = measure([answered(company, asked) for asked in company.corpus.asked])
    bench.table(f"{company.corpus.name}: {len(company.chunks)} chunks, {len(company.corpus.asked)} questions", rows)
    return rows


def answered(company: Company, asked: Asked) -> Ranked:
    """What a reply of twenty uncut items covers."""
    return ranked(company, asked, [item.chunk for item in company.ask(asked).items])


def questions(bench: Bench) -> Figures:
    """What each piece of query understanding is worth, over the rung before it."""
    return bench.each(lambda company: _apart(bench, company) | _rewritten(bench, company))


def _apart(bench: Bench, company: Company) -> Figures:
    whole = Reading(company, indexed(company, bench.folder, "header"), bench.models.reranker)
    every = company.corpus.asked
    turns = {"two questions": [one for one in every if one.kind == "two"], "two questions, joined": joined(every)}
    rows = {}
    for name, some in turns.items():
        if some:
            rows[f"{name}: as one"] = measure([ranked(company, asked, whole.fused(asked.question)) for asked in some])
            rows[f"{name}: taken apart (service)"] = measure([answered(company, asked) for asked in some])
    if rows:
        bench.table(f"{company.corpus.name}: several questions in one turn", rows)
    return rows


def _rewritten(bench: Bench, company: Company) -> Figures:
    asking = Asking(company, indexed(company, bench.folder, "header"), bench.models.reranker)
    texts = [chunk.indexed_text for chunk in company.chunks.values()]
    mined, speller = acronyms(texts), Speller(texts)
    ways: dict[str, Callable[[str], str]] = {
        "spelling": speller.corrected,
        "acronyms of the corpus": lambda question: expanded(question, mined),
        "glossary": lambda question: expanded(question, GLOSSARY),
    }
    rows = {}
    for name, rewrite in ways.items():
        changed = [asked for asked in company.corpus.asked if rewrite(asked.question) != asked.question]
        for how, rank in {
            "before": asking.rewritten(str),
            "searched": asking.rewritten(rewrite),
            "searched and read": asking.rewritten_throughout(rewrite),
        }.items():
            if changed:
                title = f"{name}, {how} ({len(changed)} questions change)"
                rows[title] = measure([ranked(company, asked, rank(asked.question)) for asked in changed])
    if rows:
        bench.table(f"{company.corpus.name}: other words", rows)
    return rows


def confidence(bench: Bench) -> Figures:
    """For each tier: the curve, what it says against what was, and what comes back insufficient."""
    figures: Figures = {}
    every = _cases(bench)
    for tier in CHANNELS.values():
        of_tier = [one for one in every if one.tier is tier]
        if of_tier:
            figures[tier.value] = _confidence(bench, tier, of_tier)
        else:
            bench.say(f"{tier.value}: no question was answered by this tier, so it has no curve (is its model installed?).")
    diagram = reliability_diagram({name: one["reliability"] for name, one in figures.items()}, bench.plots)
    bench.say(f"reliability diagram: {', '.join(str(path) for path in diagram.paths) or diagram.reason}")
    return figures


def _cases(bench: Bench) -> list[calibration.Case]:
    """Each tier's view of every question, and of the questions to one authority asked of the other's passages."""
    own = {name: corpus for name, corpus in bench.own() if corpus.unanswerable or name in STRANGERS}
    every: list[calibration.Case] = []
    for name, corpus in own.items():
        other = own.get(STRANGERS.get(name, ""))
        strangers = other.asked[:: max(1, len(other.asked) // MOST_STRANGERS)] if other else ()
        with ExitStack() as stack:
            company = bench.open(stack, corpus)
            for channel, tier in CHANNELS.items():
                every += calibration.cases(company, channel, strangers)
                bench.say(f"{name}: {tier.value}, {len(every)} cases so far")
    return every


def _confidence(bench: Bench, tier: Tier, every: Sequence[calibration.Case]) -> Figures:
    to_fit, held = calibration.halves(every)
    curve = calibration.fitted(to_fit)
    figures: Figures = {"curve": asdict(curve), "curve over all": asdict(calibration.fitted(every)), "in the service": asdict(CURVES[tier])}
    for name, which in (("fitted on the other half", curve), ("as in the service", CURVES[tier])):
        minimum = calibration.threshold(to_fit, which)
        bins = calibration.reliability(held, which)
        turned_away = calibration.insufficient(held, which, minimum)
        rows = {f"{one.said:.2f} ({one.count})": {"said": one.said, "was": one.was} for one in bins}
        bench.table(f"{tier.value}, {name}: expected error {calibration.expected_error(bins):.3f}", rows)
        bench.table(f"{tier.value}: insufficient below {minimum}", {group: {"share": share} for group, share in turned_away.items()})
        figures[name] = {"minimum": minimum, "error": calibration.expected_error(bins), "insufficient": turned_away}
        figures["reliability"] = [asdict(one) for one in bins]
    return figures


def facets(bench: Bench) -> Figures:
    """Both authorities in one company, told apart by where the customer is."""
    figures: Figures = {}
    if both := bench.take("both authorities", corpora.both_authorities):
        figures["authorities"] = _authorities(bench, both)
    if versions := bench.take("versions", corpora.versions):
        figures["products and versions"] = _versions(bench, versions)
    return figures


def _authorities(bench: Bench, both: Corpus) -> Figures:
    figures: Figures = {}
    with ExitStack() as stack:
        company = bench.open(stack, both)
        every = company.corpus.asked[:: bench.sampled(company.corpus)]
        for name, known in (("customer's country known", True), ("nobody knows it", False)):
            figures[name] = {right: asdict(one) for right, one in regions.won(company, every, known=known).items()}
        plain = bench.open(stack, corpora.both_authorities(applicable=False))
        figures["no facets"] = {right: asdict(one) for right, one in regions.won(plain, every, known=False).items()}
    rows = {
        f"{name}, {right}": {"first is right": one["first"], "not for this customer": one["wrong"], **one["figures"]}
        for name, by_right in figures.items()
        for right, one in by_right.items()
    }
    bench.table(f"the right authority, {len(every)} questions", rows)
    return figures


def _versions(bench: Bench, declared: Corpus) -> Figures:
    plain = corpora.versions(declared=False)
    with ExitStack() as stack:
        company, bare = bench.open(stack, declared), bench.open(stack, plain)
        every = declared.asked
        mixes = {
            "no facets": regions.mixed(bare, every, known=False),
            "declared, product unknown": regions.mixed(company, every, known=False),
            "declared, product known": regions.mixed(company, every, known=True),
            "no facets, on the first version's day": regions.mixed(bare, every, known=False, first=True),
            "declared, on the first version's day": regions.mixed(company, every, known=True, first=True),
        }
    figures: Figures = {name: asdict(one) for name, one in mixes.items()}
    heads = {"product": "another product", "version": "another version", "questions": "questions with either"}
    rows = {name: {heads[field]: value for field, value in one.items()} for name, one in figures.items()}
    bench.table(f"products and versions, share of the first six items, {len(every)} questions", rows)
    return figures


def budget(bench: Bench) -> Figures:
    """Whether the answer survives a small budget."""
    return bench.each(lambda company: _kept(bench, company))


def _kept(bench: Bench, company: Company) -> Figures:
    corpus = company.corpus
    every = [one for one in corpus.asked if one.kind != "two"][:: bench.sampled(corpus)]
    rows = {size: asdict(one) for size, one in budgets.kept(company, bench.models.reranker, every).items()} if every else {}
    if rows:
        bench.table(f"{corpus.name}: share of {len(every)} questions whose answer is told, by budget in tokens", rows)
    return rows
