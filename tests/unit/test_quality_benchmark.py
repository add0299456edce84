"""The figures of `benchmarks.quality`, on sets small enough to check by hand."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks.quality import budget, calibration, facets, plots, sections
from benchmarks.quality.company import Company, Models, opened
from benchmarks.quality.corpora import LABELS, POLICIES, Asked, Corpus, Missing, Place, _rows, versions
from benchmarks.quality.ladder import parts, ranked, rungs
from benchmarks.quality.metrics import Ranked, measure, ndcg, recall, reciprocal_rank
from benchmarks.quality.questions import Speller, acronyms, joined
from benchmarks.quality.remembered import Kept, RememberedEmbedder, RememberedReranker
from context_service.errors import SourceError
from context_service.model.workflow import Tier
from context_service.retrieval.confidence import Curve, Signals
from context_service.retrieval.understand import expanded
from tests.fakes import FakeEmbedder, FakeReranker

NOTHING: frozenset[int] = frozenset()
FILES = {
    "lamps.md": b"# Lamps\n\n## Returns\n\nYou can return a lamp within thirty days of delivery.\n\n## Bulbs\n\nA bulb lasts.\n",
    "hubs.md": b"# Hubs\n\nA hub connects all your lamps, and has a warranty of five years.\n",
}
CORPUS = Corpus(
    "tiny",
    FILES,
    (
        Asked("Within how many days can I return a lamp?", ((Place("lamps.md", "thirty days"),),)),
        Asked("What warranty has a hub?", ((Place("hubs.md"),),)),
    ),
    ("Do you sell bicycles in Norway?",),
)


def test_ranks_are_turned_into_figures() -> None:
    one = Ranked([NOTHING, frozenset({0}), frozenset({1})], [frozenset({0, 1})])
    assert reciprocal_rank(one) == 0.5
    assert recall(one, 1) == 0.0
    assert recall(one, 2) == 1.0
    assert ndcg(one) == pytest.approx((1 / math.log2(3) + 1 / 2) / (1 + 1 / math.log2(3)))


def test_each_part_of_a_turn_counts_by_itself() -> None:
    half = Ranked([frozenset({0}), NOTHING], [frozenset({0}), frozenset({1})])
    assert reciprocal_rank(half) == 0.5
    assert measure([half])["recall@6"] == 0.5


def test_a_place_that_is_covered_twice_counts_once() -> None:
    assert ndcg(Ranked([frozenset({0}), frozenset({0})], [frozenset({0})])) == 1.0


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    with opened(CORPUS, tmp_path, Models(FakeEmbedder(), FakeReranker())) as company:
        yield company


def test_every_rung_finds_what_is_there(company: Company, tmp_path: Path) -> None:
    figures = {name: measure(every) for name, every in rungs(company, tmp_path, FakeReranker())}
    assert list(figures) == ["BM25", "dense", "fused", "with headings", "with title", "reranker alone", "with reranker", "with neighbours"]
    assert all(row["recall@20"] == 1.0 for row in figures.values())
    assert figures["with reranker"]["MRR@10"] == 1.0


def test_a_set_is_ingested_once(company: Company, tmp_path: Path) -> None:
    with opened(CORPUS, tmp_path, Models(FakeEmbedder(), FakeReranker())) as again:
        assert again.app.records.head() == company.app.records.head() == 1


def test_where_a_document_is_the_answer_its_chunks_are_one_result(company: Company) -> None:
    lamps = [name for name, key in company.keys.items() if key == "lamps.md"]
    hubs = [name for name, key in company.keys.items() if key == "hubs.md"]
    assert ranked(company, CORPUS.asked[1], [*lamps, *hubs]).results == [NOTHING, frozenset({0})]
    assert parts(Asked("?", ((Place("a"), Place("b")), (Place("c"),)))) == [frozenset({0, 1}), frozenset({2})]


def test_the_cases_of_a_set_say_what_was_told(company: Company) -> None:
    cases = list(calibration.cases(company, "chat", [Asked("Where is Oslo?")]))
    assert [one.answerable for one in cases] == [True, True, False, False]
    assert [one.answered for one in cases] == [True, True, False, False]
    assert cases[0].signals.cosine > cases[2].signals.cosine


def test_a_budget_that_holds_everything_keeps_everything(company: Company) -> None:
    kept = budget.kept(company, FakeReranker(), CORPUS.asked)
    assert list(kept) == ["uncut", "500", "1000", "2000"]
    assert kept["2000"] == kept["uncut"] == budget.Kept(1.0, 1.0)


def test_a_small_budget_is_measured_by_what_is_left(tmp_path: Path) -> None:
    filler = " ".join(f"The {word} lamp is a lamp like any lamp." for word in "red blue green grey white black tall small".split())
    text = f"# Lamps\n\n{filler} You can return it within thirty days."
    asked = Asked("Within how many days can I return a lamp?", ((Place("lamps.md", "thirty days"),),))
    with opened(Corpus("long", {"lamps.md": text.encode()}, (asked,)), tmp_path, Models(FakeEmbedder(), FakeReranker())) as company:
        uncut, cut = company.ask(asked), company.ask(asked, budget=20)
        assert len(cut.items[0].text) < len(uncut.items[0].text)
        assert budget._has_sentence(asked, cut, set())
        assert not budget._has_sentence(asked, cut, {"The blue lamp is a lamp nobody has."})


AUSTRALIA = Asked("Where can I return a lamp?", ((Place("australia/a.md"),),), attributes=(("region", "AU"),))
ELSEWHERE = Asked("Where can I return a lamp?", ((Place("who/a.md"),),), attributes=(("region", "US"),))
BOTH = Corpus(
    "authorities",
    {
        "australia/a.md": b"# Returns in Australia\n\nIn Australia you can return a lamp in Perth.\n",
        "who/a.md": b"# Returns\n\nEverywhere else you can return a lamp at any shop.\n",
    },
    (AUSTRALIA, ELSEWHERE),
    rules='  - {match: "australia/*", applicability: {regions: [AU]}}\n',
    company="regions: {AU: [], US: []}\n",
)


def test_the_right_authority_is_counted_by_who_asks(tmp_path: Path) -> None:
    with opened(BOTH, tmp_path, Models(FakeEmbedder(), FakeReranker())) as company:
        known = facets.won(company, BOTH.asked, known=True)
    assert list(known) == ["australia/", "who/"]
    assert known["who/"].first == 1.0
    assert {one.wrong for one in known.values()} == {0.0}
    assert known["australia/"].figures["recall@6"] == 1.0


@pytest.mark.skipif(not POLICIES.is_dir(), reason="the shared data is not beside this checkout")
def test_a_document_is_judged_by_the_product_and_the_day_it_holds_for() -> None:
    hey = Asked("?", ((Place("refund/hey/index.md"),),), attributes=(("product", "HEY"),))
    [first, *_] = (key for key in sorted(versions().files) if key.startswith("history/refund/"))
    begun = date.fromisoformat(Path(first).stem)
    assert [facets.other_product(hey, key) for key in ("refund/index.md", first, "refund/hey/index.md", "sla/index.md")] == [
        True,
        True,
        False,
        False,
    ]
    assert not facets.other_product(Asked("?"), "refund/index.md")
    assert [facets.other_version(first, day) for day in (None, begun, date(2026, 1, 1))] == [True, False, True]
    assert [facets.other_version("refund/index.md", day) for day in (None, begun)] == [False, True]
    assert facets.policy_of(hey) == "refund-hey"


@pytest.mark.skipif(not POLICIES.is_dir(), reason="the shared data is not beside this checkout")
def test_in_the_set_of_versions_one_holds_on_each_day() -> None:
    declared, plain = versions(), versions(declared=False)
    assert declared.files == plain.files
    assert declared.rules.count("effective") == len(declared.files)
    assert plain.rules == ""
    assert {product for asked in declared.asked for product in asked.known.values()} == {"Basecamp", "HEY"}


def bench(folder: Path, sets: Sequence[str] = ()) -> tuple[sections.Bench, StringIO]:
    said = StringIO()
    return sections.Bench(Console(file=said, width=200), folder, folder, Models(FakeEmbedder(), FakeReranker()), sets, 2), said


def test_a_set_that_is_missing_is_named_and_left_out(tmp_path: Path) -> None:
    def missing() -> Corpus:
        raise Missing("it is elsewhere")

    measured, said = bench(tmp_path)
    assert measured.take("docs", missing) is None
    assert "docs: left out, it is elsewhere." in said.getvalue()
    assert sections.ladder(measured) == {}


def test_a_set_that_fails_leaves_the_others_their_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(company: Company) -> dict[str, float]:
        if company.corpus.name == "tiny":
            raise SourceError("the disk is gone", remedy="Get another.")
        return {"chunks": len(company.chunks)}

    monkeypatch.setattr(sections, "SETS", {"docs": lambda: CORPUS, "policies": lambda: BOTH})
    tried, said = bench(tmp_path, ("docs", "policies"))
    figures = tried.each(measured)
    assert "the disk is gone" in figures["docs"]["not measured"]
    assert figures["policies"]["chunks"] > 0
    assert "docs: not measured" in said.getvalue()


def test_a_thinned_set_keeps_every_second_question(tmp_path: Path) -> None:
    measured, _ = bench(tmp_path)
    thinned = measured.take("tiny", lambda: CORPUS)
    assert thinned is not None
    assert thinned.asked == CORPUS.asked[:1]
    assert thinned.files == CORPUS.files


def test_without_matplotlib_or_figures_the_diagram_says_why_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "`benchmarks`" in plots.reliability_diagram({"fast": [{"said": 0.5, "was": 0.4}]}, tmp_path).reason
    assert "no curve" in plots.reliability_diagram({}, tmp_path).reason


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed (extra `benchmarks`)")
def test_the_diagram_is_written_twice(tmp_path: Path) -> None:
    drawn = plots.reliability_diagram({"fast": [{"said": 0.5, "was": 0.4}, {"said": 0.9, "was": 0.8}]}, tmp_path / "plots")
    assert [path.suffix for path in drawn.paths] == [".png", ".svg"]
    assert all(path.stat().st_size > 1000 for path in drawn.paths)


def case(score: float, *, answerable: bool, group: str = "g") -> calibration.Case:
    return calibration.Case(group, "?", Tier.THOROUGH, Signals(score, 0.5), answerable, answerable)


def test_the_fitted_curve_is_the_one_the_cases_were_drawn_from() -> None:
    draw = np.random.default_rng(1)
    x = draw.normal(size=(4000, 1))
    y = (draw.random(4000) < 1 / (1 + np.exp(-(2 * x[:, 0] - 1)))).astype(float)
    assert calibration.fit(x, y) == pytest.approx([2, -1], abs=0.2)


def test_the_threshold_spares_all_but_a_twentieth_of_the_answerable() -> None:
    every = [case(n / 10, answerable=True) for n in range(100)] + [case(-5, answerable=False)] * 10
    curve = Curve(1, 0, -2)
    turned_away = calibration.insufficient(every, curve, calibration.threshold(every, curve))
    lost = sum(curve.probability(one.signals) < calibration.threshold(every, curve) for one in every if one.answerable)
    assert 0 < lost <= 5
    assert turned_away["g"] >= 10 / 110


def test_reliability_sets_what_was_said_against_what_was() -> None:
    sure = [case(9, answerable=True)] * 3 + [case(9, answerable=False)]
    [one] = calibration.reliability(sure, Curve(1, 0, 0))
    assert (one.was, one.count) == (0.75, 4)
    assert calibration.expected_error([one]) == pytest.approx(one.said - 0.75)


def test_halves_share_no_question_and_take_from_every_group() -> None:
    every = [case(n, answerable=True, group=group) for group in "ab" for n in range(4)]
    fit, held = calibration.halves(every)
    assert len(fit) == len(held) == 4
    assert {one.group for one in fit} == {one.group for one in held} == {"a", "b"}


def test_acronyms_are_those_that_the_texts_define() -> None:
    text = "Under the Internet Tax Freedom Act (ITFA) and the Power of Attorney (“POA”) rules. Call us (NOW) about a Big Thing (XY)."
    assert acronyms([text]) == {"itfa": ("Internet Tax Freedom Act",), "poa": ("Power of Attorney",)}
    assert expanded("What is ITFA?", acronyms([text])) == "What is ITFA? Internet Tax Freedom Act"


def test_a_word_is_corrected_only_toward_words_of_the_texts() -> None:
    speller = Speller(["You can cancel your subscription."])
    assert speller.corrected("How do I cancle my subscripton?") == "How do I cancel my subscription?"
    assert speller.corrected("Where is my passport?") == "Where is my passport?"


def test_joined_turns_ask_for_both_answers() -> None:
    turn = joined(CORPUS.asked)
    assert [len(one.parts) for one in turn] == [2]
    assert turn[0].question == "Within how many days can I return a lamp? And What warranty has a hub?"


def test_models_read_each_text_once(tmp_path: Path) -> None:
    class Counting(FakeReranker):
        read = 0

        def score(self, query: str, passages: Sequence[str]) -> list[float]:
            Counting.read += len(passages)
            return super().score(query, passages)

    kept = Kept(tmp_path / "kept.sqlite3")
    reranker, embedder = RememberedReranker(Counting(), kept), RememberedEmbedder(FakeEmbedder(), kept)
    assert (
        reranker.score("a lamp", ["lamp", "hub"])
        == reranker.score("a lamp", ["lamp", "hub"])
        == FakeReranker().score("a lamp", ["lamp", "hub"])
    )
    assert Counting.read == 2
    assert np.array_equal(embedder.embed_documents(["lamp", "hub"]), FakeEmbedder().embed_documents(["lamp", "hub"]))


def test_the_labels_are_whole() -> None:
    asked = _rows("policies_questions.jsonl")
    unanswerable = _rows("unanswerable.jsonl")
    assert len(asked) >= 60
    assert len(unanswerable) == len({row["question"] for row in unanswerable}) == 100
    assert {"two", "misspelt", "acronym"} < {row["kind"] for row in asked}
    assert all(len(row["gold"]) == (2 if row["kind"] == "two" else 1) for row in asked)
    assert LABELS.is_dir()
