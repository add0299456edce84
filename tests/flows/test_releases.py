"""From syncs to what agents read: holding a source, trying a release, rolling back, keeping and forgetting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from context_service.declarations.company import load
from context_service.errors import CanaryRunning, DraftConflict, Forbidden, InvalidRequest, StaleDraft, UnknownRelease
from context_service.index.embedded import open_embedded_index
from context_service.ingest.connector import Limits
from context_service.ingest.gatekeeper import Verdict
from context_service.ingest.pipeline import Ingest, Report
from context_service.ingest.progress import Silent
from context_service.model.access import Classification, Principal, PrincipalKind
from context_service.model.audit import Action
from context_service.model.context import ContextReply, ContextRequest
from context_service.model.document import SyncRun
from context_service.model.golden import Feedback
from context_service.model.golden import Verdict as Said
from context_service.model.release import DraftState, ReleaseKind
from context_service.records.change_protocol import ServedDocument
from context_service.records.sql import open_records
from context_service.releases.lifecycle import Releases
from context_service.releases.retention import Retention
from context_service.retrieval.service import ContextService, Engine
from tests.fakes import FakeEmbedder
from tests.flows.release_runner import InHere
from tests.flows.small import AGENT, NOW, SOURCE, CountingEmbedder, SmallCompany

OPERATOR = Principal(id="olga", kind=PrincipalKind.PERSON, operator=True)
OWNER = Principal(id="otto", kind=PrincipalKind.PERSON, teams=frozenset({"support-team"}))
STRANGER = Principal(id="sven", kind=PrincipalKind.PERSON, teams=frozenset({"sales"}))
QUESTION = "What does the kettle cost?"


class Holding:
    """Holds the sources that a test names."""

    def __init__(self) -> None:
        self.holds: dict[str, tuple[str, ...]] = {}
        self.judged: list[list[str]] = []

    def judge(self, draft: int, sources: Sequence[str], runs: Sequence[SyncRun]) -> Verdict:
        """See Gatekeeper.judge."""
        self.judged.append([*sources])
        return Verdict(self.holds, {"draft": draft, "runs": [run.id for run in runs]})


class House:
    """Two sources, `notes` and `faq`, and everything that works on them; an hour passes between any two steps."""

    def __init__(self, folder: Path) -> None:
        self.company = SmallCompany.write(folder, {"kettle": kettle(1), "lamp": "# The lamp\nThe lamp is blue."})
        self.faq = folder / "faq" / "texts"
        self.faq.mkdir(parents=True)
        (folder / "faq" / "source.yaml").write_text(
            SOURCE.replace("id: notes", "id: faq").replace("owner: support-team", "owner: faq-team")
        )
        self.ask_in("The shop opens at nine.")
        self.hours, self.ids = count(), count()
        self.records = open_records(f"sqlite:///{folder / 'records.db'}")
        self.embedder = CountingEmbedder(FakeEmbedder())
        self.index = open_embedded_index(folder / "index", self.embedder.dimension)
        self.gate, self.parsers = Holding(), InHere(Limits())
        self.declarations = load(folder / "context.yaml")
        tools: Any = {"now": self.now, "new_id": lambda: f"id-{next(self.ids)}"}
        self.releases = Releases(self.records, self.index, self.embedder, self.declarations, Retention(releases=2, days=0), **tools)
        self._ingest = Ingest(self.records, self.index, self.embedder, limits=Limits(), gatekeeper=self.gate, parsers=self.parsers, **tools)
        engine = Engine(self.records, self.index, self.embedder, None, self.declarations, timer=lambda: 0.0, **tools)
        self.context = ContextService(engine)

    def now(self) -> datetime:
        return NOW + timedelta(hours=next(self.hours))

    def ask_in(self, text: str) -> None:
        path = self.faq / "hours.txt"
        path.write_text(f"# Hours\n{text}")

    def close(self) -> None:
        self.parsers.close()
        self.index.close()
        self.records.close()

    def ingest(self, *names: str) -> Report:
        return self._ingest.run(load(self.company.folder / "context.yaml"), names or ["faq", "notes"], "schedule", Silent())

    def kettle(self, edition: int) -> Report:
        self.company.change({"kettle": kettle(edition)})
        return self.ingest()

    def ask(self, question: str = QUESTION, **more: Any) -> ContextReply:
        return self.context.answer(ContextRequest(query=question, workflow="support", **more), AGENT)

    def price(self, **more: Any) -> int:
        """What an agent is told that the kettle costs."""
        return int(self.ask(**more).items[0].text.partition("EUR ")[2].partition(".")[0])

    def tells_the_kettle(self, *, number: int | None = None, **more: Any) -> bool:
        """Whether an agent is told anything of it."""
        request = ContextRequest(query=QUESTION, workflow="support", **more)
        return any("kettle" in item.text for item in self.context.compute(request, AGENT, number=number).reply.items)


def kettle(edition: int) -> str:
    return f"# The kettle\nThe kettle costs EUR {edition}. It is made of steel."


CLOSED = "rules:\n  - match: 'kettle.txt'\n    access: {classification: restricted}\n"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Release 1 is published."""
    built = House(tmp_path / "house")
    built.ingest()
    yield built
    built.close()


def actions(house: House) -> list[Action]:
    return [record.entry.action for record in house.records.audit_records() if record.entry.action is not Action.CONTEXT_SERVED]


class TestGates:
    def test_what_passes_is_published_with_what_the_gates_said(self, house: House) -> None:
        report = house.kettle(2)
        assert report.release
        assert (report.release.kind, report.release.base, report.release.by) == (ReleaseKind.SYNC, 1, "schedule")
        assert report.release.gates["runs"] == [run.id for run in report.runs]
        assert house.gate.judged[-1] == ["notes"], "sources that changed nothing are not judged"
        assert (house.price(), house.price(release=1)) == (2, 1)
        assert house.ask().release == report.release.number

    def test_a_source_that_does_not_pass_is_held_and_the_others_are_published(self, house: House) -> None:
        house.gate.holds = {"notes": ("It lost its pages.",)}
        house.ask_in("The shop opens at ten.")
        report = house.kettle(2)
        assert (house.price(), "ten" in house.ask("When does the shop open?").items[0].text) == (1, True)
        assert report.release
        assert house.records.touched_documents(report.release.number, ["notes"]) == []
        (held,) = house.records.drafts()
        assert (held.state, held.sources, held.reasons) == (DraftState.HELD, frozenset({"notes"}), ("It lost its pages.",))
        assert Action.DRAFT_SPLIT in actions(house)
        assert report.held == (held,), "the report names what was split off"

    def test_a_held_draft_is_filled_further_and_published_when_it_passes(self, house: House) -> None:
        house.gate.holds = {"notes": ("It lost its pages.",)}
        (held,) = house.kettle(2).held
        assert [draft.id for draft in house.kettle(3).held] == [held.id]
        house.ask_in("The shop opens at ten.")
        assert house.ingest("faq").release
        assert house.price() == 1
        house.gate.holds = {}
        report = house.kettle(4)
        assert report.release
        assert report.release.draft == held.id
        assert house.price() == 4
        assert house.records.drafts() == []
        assert len(house.embedder.documents) == len(set(house.embedder.documents)), "nothing was embedded twice"

    def test_a_person_publishes_what_is_held(self, house: House) -> None:
        house.gate.holds = {"notes": ("It lost its pages.",)}
        (held,) = house.kettle(2).held
        with pytest.raises(Forbidden):
            house.releases.publish(STRANGER, held.id)
        with pytest.raises(Forbidden):
            house.releases.publish(AGENT, held.id)
        release = house.releases.publish(OWNER, held.id, "It is meant so.")
        assert (release.by, release.why, house.price()) == ("otto", "It is meant so.", 2)
        with pytest.raises(DraftConflict):
            house.releases.publish(OWNER, held.id)

    def test_a_held_draft_over_which_another_was_published_has_to_be_checked_again(self, house: House) -> None:
        house.gate.holds = {"notes": ("It lost its pages.",)}
        (held,) = house.kettle(2).held
        house.ask_in("The shop opens at ten.")
        house.ingest("faq")
        with pytest.raises(StaleDraft) as refused:
            house.releases.publish(OWNER, held.id)
        assert refused.value.code == "stale-draft"
        house.releases.check(OWNER, held.id)
        house.releases.publish(OWNER, held.id)
        assert house.price() == 2
        assert "ten" in house.ask("When does the shop open?").items[0].text

    def test_a_discarded_draft_is_brought_again_by_the_next_sync(self, house: House) -> None:
        house.gate.holds = {"notes": ("It lost its pages.",)}
        house.company.change({"lamp": None})
        (held,) = house.kettle(2).held
        house.releases.discard(OWNER, held.id, "Not yet.")
        assert house.records.drafts() == []
        house.gate.holds = {}
        assert house.ingest().release
        assert house.price() == 2
        assert {one.key for one in house.records.revisions_in(house.records.head(), "notes")} == {"kettle.txt"}

    def test_a_change_that_was_taken_back_at_the_source_is_not_published(self, house: House) -> None:
        house.gate.holds = {"notes": ("It lost its pages.",)}
        house.kettle(2)
        house.gate.holds = {}
        report = house.kettle(1)
        assert (report.releases, report.held, house.records.drafts()) == ((), (), [])
        assert house.index.chunks().keys() == {row.chunk for row in house.records.chunk_ranges()}
        assert house.kettle(1).runs[-1].counts == {"unchanged": 2}

    def test_access_tightened_in_a_held_draft_binds_at_once(self, house: House) -> None:
        house.gate.holds = {"notes": ("It lost its pages.",)}
        house.company.declare("rules:\n  - match: 'kettle.txt'\n    access: {classification: restricted}\n")
        house.ingest()
        assert house.records.head() == 1
        assert "kettle" not in " ".join(item.text for item in house.ask().items)

    def test_a_widening_that_is_held_opens_nothing_whatever_release_is_read_or_gone_back_to(self, house: House) -> None:
        house.company.declare(CLOSED)
        assert house.ingest().release
        house.gate.holds = {"notes": ("More may read it.",)}
        house.company.declare("")
        (held,) = house.ingest().held
        assert not house.tells_the_kettle()
        assert not house.tells_the_kettle(release=1)
        assert not house.tells_the_kettle(number=held.number)
        house.releases.discard(OWNER, held.id)
        house.releases.rollback(OWNER, 1)
        assert not house.tells_the_kettle()
        restored = house.releases.restore()
        assert restored
        assert not house.tells_the_kettle()
        (state,) = (one for one in house.records.revisions_in(restored.number) if one.key == "kettle.txt")
        (chunk, *_) = house.records.chunks_of(state.document, restored.number)
        assert (state.resource.access.classification, chunk.label) == (Classification.RESTRICTED, state.resource.label)  # type: ignore[union-attr]

    def test_a_widening_that_a_person_publishes_opens_it(self, house: House) -> None:
        house.company.declare(CLOSED)
        house.ingest()
        house.gate.holds = {"notes": ("More may read it.",)}
        house.company.declare("")
        (held,) = house.ingest().held
        house.releases.publish(OWNER, held.id)
        assert house.tells_the_kettle()
        assert house.tells_the_kettle(release=1)

    def test_what_was_tightened_takes_nobodys_place(self, house: House) -> None:
        house.company.change({f"kettle-{number:03}": kettle(number) for number in range(60)})
        house.ingest()
        house.gate.holds = {"notes": ("It lost its pages.",)}
        house.company.declare("rules:\n  - match: 'kettle-*.txt'\n    access: {classification: restricted}\n")
        house.ingest()
        assert house.price() == 1


class TestTrying:
    def test_a_share_of_the_conversations_reads_it_always_the_same_ones(self, house: House) -> None:
        held = _held(house, 2)
        release = house.releases.canary(OWNER, held, 0.5)
        told = {name: house.price(conversation_id=name) for name in map(str, range(40))}
        assert {house.price(conversation_id=name) == price for name, price in told.items()} == {True}
        assert 8 <= list(told.values()).count(2) <= 32
        assert {house.ask(conversation_id=name).release for name in told} == {1, release.number}
        house.releases.widen(OWNER, 0.9)
        assert all(house.price(conversation_id=name) == 2 for name, price in told.items() if price == 2), "who read it goes on"
        house.releases.widen(OWNER, 1)
        assert {house.price(conversation_id=name) for name in told} == {2}
        assert actions(house)[-3:] == [Action.RELEASE_TRIED, Action.RELEASE_WIDENED, Action.RELEASE_WIDENED]

    def test_meanwhile_drafts_are_filled_and_wait(self, house: House) -> None:
        house.releases.canary(OWNER, _held(house, 2), 0.5)
        (waiting,) = house.kettle(3).held
        assert "tried" in waiting.reasons[0]
        with pytest.raises(CanaryRunning):
            house.releases.publish(OWNER, waiting.id)
        house.releases.widen(OWNER, 1)
        assert house.ingest().release
        assert house.price() == 3

    def test_taken_back_nobody_reads_it_and_the_next_release_starts_without_it(self, house: House) -> None:
        house.releases.canary(OWNER, _held(house, 2), 0.5)
        house.releases.take_back(OWNER, "Complaints.")
        assert {house.price(conversation_id=str(name)) for name in range(10)} == {1}
        (waiting,) = house.ingest().held
        assert house.records.traffic().newest == house.records.head()
        assert house.price() == 1
        house.releases.publish(OWNER, waiting.id)
        assert house.price() == 2

    def test_both_sides_are_compared_by_what_they_answered_since_it_began(self, house: House) -> None:
        house.ask()
        release = house.releases.canary(OWNER, _held(house, 2), 0.5)
        replies = [house.ask(text, conversation_id=str(name)) for text in (QUESTION, "Zebra?") for name in range(20)]
        told = Counter((reply.release, reply.decision.value) for reply in replies)
        house.ask(release=1)
        compared = house.releases.compare(OWNER)
        assert (compared.canary.release, compared.beside.release, compared.share) == (release.number, 1, 0.5)
        for side in (compared.canary, compared.beside):
            assert side.decisions == {decision: count for (number, decision), count in told.items() if number == side.release}
            assert side.answers == sum(side.decisions.values())
        assert compared.canary.insufficient > 0
        assert (compared.complete, compared.canary.p50_ms) == (True, 0.0)
        with pytest.raises(Forbidden):
            house.releases.compare(AGENT)
        house.releases.widen(OWNER, 1)
        with pytest.raises(InvalidRequest, match="on trial"):
            house.releases.compare(OWNER)

    @pytest.mark.parametrize("share", [0.0, 1.0, -1.0, 7.0])
    def test_a_share_that_is_none_is_refused(self, house: House, share: float) -> None:
        with pytest.raises(InvalidRequest, match="between 0 and 1"):
            house.releases.canary(OWNER, _held(house, 2), share)


class TestRollingBack:
    def test_the_pointer_moves_and_the_next_release_starts_from_there(self, house: House) -> None:
        house.kettle(2)
        house.ask_in("The shop opens at ten.")
        house.ingest()
        embedded = len(house.embedder.documents)
        house.releases.rollback(OPERATOR, 1, "Prices were wrong.")
        assert (house.price(), house.records.traffic().restoring) == (1, True)
        restored = house.releases.restore()
        assert restored
        assert (restored.kind, restored.restores, restored.by, restored.why) == (ReleaseKind.ROLLBACK, 1, "olga", "Prices were wrong.")
        assert house.price() == 1
        assert len(house.embedder.documents) == embedded, "nothing is embedded again"
        assert house.releases.restore() is None

    def test_the_sources_present_texts_come_again_and_wait_for_a_person(self, house: House) -> None:
        house.kettle(2)
        house.releases.rollback(OPERATOR, 1, "Prices were wrong.")
        (waiting,) = house.ingest().held
        assert house.price() == 1
        (still,) = house.ingest().held
        assert still.id == waiting.id
        house.releases.publish(OWNER, waiting.id, "They are right now.")
        assert house.price() == 2
        assert house.kettle(3).release, "from then on releases publish themselves again"

    def test_as_of_follows_what_was_read(self, house: House) -> None:
        house.kettle(2)
        second = house.now()
        house.releases.rollback(OPERATOR, 1)
        rolled_back = house.now()
        house.releases.restore()
        assert [house.price(as_of=moment) for moment in (second, rolled_back, house.now())] == [2, 1, 1]

    def test_a_rollback_over_a_rollback_is_followed(self, house: House) -> None:
        house.kettle(2)
        house.kettle(3)
        house.releases.rollback(OPERATOR, 1)
        house.releases.rollback(OPERATOR, 2)
        house.releases.restore()
        assert house.price() == 2
        house.releases.rollback(OPERATOR, 3)
        house.releases.restore()
        assert house.price() == 3

    def test_only_those_who_answer_for_everything_that_changes_may(self, house: House) -> None:
        house.kettle(2)
        with pytest.raises(Forbidden):
            house.releases.rollback(STRANGER, 1)
        house.releases.rollback(OWNER, 1)
        house.releases.restore()
        house.ask_in("The shop opens at ten.")
        (held,) = house.ingest("faq").held
        house.releases.publish(OPERATOR, held.id)
        with pytest.raises(Forbidden):
            house.releases.rollback(OWNER, 2)

    @pytest.mark.parametrize("number", [0, 9])
    def test_to_a_release_that_never_was_is_refused(self, house: House, number: int) -> None:
        with pytest.raises(UnknownRelease):
            house.releases.rollback(OPERATOR, number)

    def test_to_what_is_read_is_refused(self, house: House) -> None:
        with pytest.raises(InvalidRequest, match="is what is read"):
            house.releases.rollback(OPERATOR, 1)

    def test_an_access_rule_that_was_tightened_since_stays(self, house: House) -> None:
        house.company.declare("rules:\n  - match: 'kettle.txt'\n    access: {classification: restricted}\n")
        house.ingest()
        house.releases.rollback(OPERATOR, 1)
        house.releases.restore()
        assert "kettle" not in " ".join(item.text for item in house.ask().items)


class TestKeeping:
    def test_what_answers_told_and_what_was_reported_of_them_is_forgotten_after_a_month(self, house: House) -> None:
        reply = house.ask()
        long_ago, lately = house.now() - timedelta(days=32), house.now() - timedelta(days=29)
        with house.records.writing() as tx:
            tx.add_served_documents(ServedDocument("kettle", f"context-{at.day}", "support", at) for at in (long_ago, lately))
            for at in (long_ago, lately):
                tx.put_feedback(
                    Feedback(
                        id=f"f-{at.day}", context=reply.context_id, at=at, by="agent", workflow="support", query="?", verdict=Said.WRONG
                    )
                )
        house.releases.retain("retention")
        since = long_ago - timedelta(days=1)
        assert [one.at for one in house.records.answers_with(["kettle"], since, 10)] == [lately]
        assert [one.at for one in house.records.feedback_since(since, 10)] == [lately]
        assert house.records.audit_of(reply.context_id), "the audit log is kept"

    def test_old_releases_are_retired_and_pinned_ones_kept(self, house: House) -> None:
        for edition in (2, 3, 4, 5):
            house.kettle(edition)
        house.releases.pin(OPERATOR, 2, "For the audit.")
        assert house.releases.retain("retention").retired == (1, 3)
        with pytest.raises(UnknownRelease, match="not kept"):
            house.price(release=1)
        with pytest.raises(UnknownRelease, match="not kept"):
            house.releases.rollback(OPERATOR, 3)
        assert [house.price(release=number) for number in (2, 4, 5)] == [2, 4, 5]
        house.releases.unpin(OPERATOR, 2)
        assert house.releases.retain("retention").retired == (2,)
        assert house.releases.retain("retention").retired == ()
        assert house.index.chunks().keys() == {row.chunk for row in house.records.chunk_ranges()}


def _held(house: House, edition: int) -> str:
    """A draft of another kettle that waits for a person."""
    holds: Mapping[str, tuple[str, ...]] = {"notes": ("Somebody has to look.",)}
    house.gate.holds = dict(holds)
    (held,) = house.kettle(edition).held
    house.gate.holds = {}
    return held.id
