"""What was told then, what holds on a day, and both at once: years of real policies, each held against the file that stood."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from context_service.errors import UnknownRelease
from context_service.model.context import ConflictReport, ContextReply, Decision, Item
from context_service.model.document import OutcomeKind, Parsed
from context_service.model.workflow import DecidedBy
from context_service.releases.views import ChangeKind
from tests.companies import OPERATOR, OWNER
from tests.flows.dated import (
    HISTORY,
    QUESTIONS,
    UNREADABLE,
    Archive,
    History,
    Version,
    declare,
    lines,
    morning,
    noon,
    opened,
    policy_of,
    words,
)
from tests.parsing import outline, parse

pytestmark = pytest.mark.skipif(not HISTORY.is_dir(), reason=f"needs {HISTORY.name} of the shared policies beside the checkout")

DATES = 30
A_DAY = timedelta(days=1)
FIRST, LAST = date(2018, 5, 14), date(2023, 12, 30)
MANY_VERSIONS = frozenset({"abuse", "cancellation"})
"""Left out where versions stand side by side: each is compared with every other, and a test has to be quick."""

NOTICE_GIVEN = timedelta(days=30)
"""How long before it holds a version is announced, where the tests say so."""


def dates(seed: str) -> list[date]:
    """Thirty days between the first version and the end of the last year."""
    chosen = random.Random(seed)  # noqa: S311 - a choice that repeats
    return sorted(FIRST + timedelta(days=chosen.randrange((LAST - FIRST).days)) for _ in range(DATES))


def strangers(items: tuple[Item, ...], standing: Mapping[str, Version]) -> list[str]:
    """Lines that are told and that do not stand in the version of their policy that they should be from."""
    return [line for item in items for line in lines(item.text) if words(line) not in standing[policy_of(item)].words]


@pytest.fixture(scope="module")
def history() -> History:
    return History(QUESTIONS)


@pytest.fixture(scope="module")
def replaced(tmp_path_factory: pytest.TempPathFactory, history: History) -> Iterator[Archive]:
    """The files replaced day by day, each day's change a release; then New Year's Eve of the last year."""
    with opened(tmp_path_factory.mktemp("replaced")) as archive:
        for day in history.days:
            archive.publish({name: one.text for name, one in history.changed_on(day).items()}, day)
        archive.at = noon(LAST + timedelta(days=1))
        yield archive


class TestAsOf:
    def test_an_answer_tells_the_text_that_stood_then(self, replaced: Archive, history: History) -> None:
        chosen = random.Random("policies")  # noqa: S311 - a choice that repeats
        changed_since = 0
        for day in dates("as of"):
            standing = history.standing(day)
            policy = chosen.choice(sorted(standing))
            reply = replaced.ask(QUESTIONS[policy], as_of=noon(day))
            assert policy in {policy_of(item) for item in reply.items}, (day, policy)
            assert strangers(reply.items, standing) == [], day
            changed_since += bool(strangers(reply.items, history.standing(LAST)))
        assert changed_since > DATES // 2, "else today's texts would have passed as well"

    def test_new_words_are_told_from_their_day_on_until_they_are_replaced(self, replaced: Archive, history: History) -> None:
        chosen = random.Random("words")  # noqa: S311 - a choice that repeats
        replaced_later = 0
        for version in chosen.sample([one for one in _after_the_first(history) if _brought(one, history)], DATES):
            line = max(_brought(version, history), key=len)
            told = {version.day - A_DAY: False, version.day: True}
            if gone := _gone(line, version, history):
                told |= {gone - A_DAY: True, gone: False}
                replaced_later += 1
            assert {day: _tells(replaced.ask(line, as_of=noon(day)), line) for day in told} == told, (version.path, line)
        assert replaced_later > DATES // 3

    def test_a_moment_on_a_day_of_change_is_before_or_after_it(self, replaced: Archive, history: History) -> None:
        for day in random.Random("moments").sample(history.days[1:], DATES):  # noqa: S311 - a choice that repeats
            tick = timedelta(microseconds=1)
            just_before = replaced.ask("What is this?", as_of=morning(day) - tick).release
            assert replaced.ask("What is this?", as_of=morning(day)).release == just_before + 1

    def test_the_release_of_then_answers_the_same_by_its_number(self, replaced: Archive, history: History) -> None:
        for day in dates("releases")[::3]:
            then = replaced.ask(QUESTIONS["taxes"], as_of=noon(day))
            by_number = replaced.ask(QUESTIONS["taxes"], release=then.release)
            assert (by_number.release, by_number.items) == (then.release, then.items)

    def test_a_document_is_read_whole_as_it_stood(self, replaced: Archive, history: History) -> None:
        for day in dates("documents"):
            release = replaced.ask("What is this?", as_of=noon(day)).release
            for policy, version in history.standing(day).items():
                states = replaced.app.browse.states(OWNER, "policies", f"{policy}.md")
                (stood,) = [one for one in states if one.added_in <= release and (one.removed_in is None or release < one.removed_in)]
                past = replaced.app.browse.past(OWNER, "policies", f"{policy}.md", stood.added_in)
                assert words(past.text) == version.words, (day, policy)
                assert past.revision.title == version.title

    @pytest.mark.parametrize("day", [date(2013, 1, 1), date(2016, 2, 29), FIRST - A_DAY])
    def test_before_the_first_release_there_is_nothing_and_the_answer_says_since_when(self, replaced: Archive, day: date) -> None:
        with pytest.raises(UnknownRelease, match="Nothing was published at") as refused:
            replaced.ask(QUESTIONS["refund"], as_of=noon(day))
        assert morning(FIRST).isoformat() in (refused.value.remedy or "")
        assert refused.value.field == "as_of"

    def test_a_version_that_cannot_be_read_leaves_the_one_before_and_says_so(self, replaced: Archive) -> None:
        """Nothing else of its day is held up by it."""
        runs = {run.started_at.date(): run for run in replaced.app.records.runs("policies", 1000)}
        for policy, day in sorted(UNREADABLE):
            failed = [one for one in replaced.app.records.outcomes(runs[day].id) if one.kind is OutcomeKind.FAILED_TERMINAL]
            assert [one.key for one in failed] == [f"{policy}.md"]
            assert "front matter" in (failed[0].reason or "")

    def test_a_difference_names_the_policies_that_changed_between_two_days(self, replaced: Archive, history: History) -> None:
        for first, second in pairwise(dates("differences")):
            before, after = history.standing(first), history.standing(second)
            numbers = [replaced.ask("What is this?", as_of=noon(day)).release for day in (first, second)]
            diff = replaced.app.control.differ.diff(OPERATOR, numbers[0], numbers[1])
            told = {change.document.removeprefix("policies:").removesuffix(".md"): change for change in diff.documents}
            assert told.keys() == {name for name in after if after[name] != before.get(name)}, (first, second)
            for name, change in told.items():
                assert change.kind is (ChangeKind.CHANGED if name in before else ChangeKind.ADDED)
                assert change.text == (name not in before or outline(_parsed(before[name])) != outline(_parsed(after[name])))
            assert diff.counts.hidden == 0


@pytest.fixture(scope="module")
def side_by_side(tmp_path_factory: pytest.TempPathFactory, history: History) -> Iterator[Archive]:
    """Every version a document of its own, with the days on which it held from a rule on its name."""
    windows = {one: until for one, until in history.windows() if one.policy not in MANY_VERSIONS}
    rules = [f"  - {{match: '{_name(one)}.md', effective: {_window(one, until)}}}\n" for one, until in windows.items()]
    with opened(tmp_path_factory.mktemp("side_by_side"), rules) as archive:
        archive.publish({_name(one): one.text for one in windows}, LAST)
        yield archive


@dataclass(frozen=True)
class Asked:
    """A policy's question about a day, and what the agent gets."""

    day: date
    policy: str
    reply: ContextReply


@pytest.fixture(scope="module")
def asked(side_by_side: Archive, history: History) -> list[Asked]:
    chosen = random.Random("effective")  # noqa: S311 - a choice that repeats
    policies = [(day, chosen.choice(sorted(history.standing(day).keys() - MANY_VERSIONS))) for day in dates("effective")]
    return [Asked(day, policy, side_by_side.ask(QUESTIONS[policy], effective_on=day)) for day, policy in policies]


class TestEffectiveOn:
    def test_a_day_is_told_the_version_that_held_and_no_other(self, asked: list[Asked], history: History) -> None:
        for one in asked:
            standing = history.standing(one.day)
            told = {item.document for item in one.reply.items}
            assert told <= {_ref(version) for version in standing.values()}, one.day
            assert _ref(standing[one.policy]) in told, (one.day, one.policy)
            assert strangers(one.reply.items, standing) == [], one.day

    def test_what_is_set_aside_is_told_with_its_window(self, asked: list[Asked]) -> None:
        for one in asked:
            because = [example.because for example in one.reply.excluded.examples if example.reason == "not_effective"]
            assert because, (one.day, one.policy)
            assert all(f"On {one.day} it does not hold (from " in said for said in because)

    def test_between_versions_of_a_policy_the_window_is_the_rule_that_decides(self, asked: list[Asked]) -> None:
        between_versions = [(one.day, report) for one in asked for report in one.reply.conflicts if _of_one_policy(report)]
        assert len({day for day, _ in between_versions}) > DATES // 2
        assert {report.rule for _, report in between_versions} == {DecidedBy.EFFECTIVE_WINDOW}
        for day, report in between_versions:
            assert f"not on {day}" in report.reasons[-1].because

    def test_before_the_first_day_nothing_holds(self, side_by_side: Archive) -> None:
        reply = side_by_side.ask(QUESTIONS["refund"], effective_on=FIRST - A_DAY)
        assert (reply.items, reply.decision, {*reply.excluded.counts}) == ((), Decision.INSUFFICIENT, {"not_effective"})


class TestBoth:
    def test_what_a_moment_knew_of_a_later_day(self, tmp_path: Path) -> None:
        """Each version is announced a month ahead; from then on the one before it says when it ends."""
        announced = {one: one.day - NOTICE_GIVEN for one, _ in History(["refund", "refund-hey", "sla"]).windows()}
        with opened(tmp_path / "announced") as archive:
            for day in sorted({*announced.values()}):
                archive.publish(_announced_on(day, announced), day)
            archive.at = noon(LAST)
            chosen, ahead = random.Random("asked"), 0  # noqa: S311 - a choice that repeats
            for moment, day in _moments_and_later_days(sorted({*announced.values()})):
                known = [one for one, since in announced.items() if since <= moment and one.day <= day]
                expected = {one.policy: one for one in sorted(known, key=lambda one: one.day)}
                policy = chosen.choice(sorted(expected))
                reply = archive.ask(QUESTIONS[policy], as_of=noon(moment), effective_on=day)
                assert {item.document for item in reply.items} <= {_ref(one) for one in expected.values()}, (moment, day)
                assert _ref(expected[policy]) in {item.document for item in reply.items}, (moment, day)
                assert strangers(reply.items, expected) == [], (moment, day)
                ahead += expected[policy].day > moment
            assert ahead >= DATES // 3, "else the version of the moment would have passed as well"


class TestAccess:
    def test_what_was_closed_since_is_not_told_of_a_time_when_it_was_open_and_the_answer_says_so(self, tmp_path: Path) -> None:
        refund, sla = (History([name]).versions[name][0] for name in ("refund", "sla"))
        with opened(tmp_path / "closed") as archive:
            open_release = archive.publish({"refund": refund.text, "sla": sla.text}, FIRST)
            archive.at = noon(FIRST)
            assert _told(archive.ask(QUESTIONS["refund"])) >= {"refund"}
            declare(archive.folder, ["  - {match: refund.md, access: {classification: restricted}}\n"])
            archive.ingest(morning(FIRST + timedelta(days=9)))
            for when in ({"as_of": noon(FIRST)}, {"release": open_release}):
                reply = archive.ask(QUESTIONS["refund"], **when)
                assert reply.release == open_release
                assert "refund" not in _told(reply)
                assert "refund" not in reply.model_dump_json(exclude={"items", "usage"}), "nothing tells of it"
                assert reply.notices == (f"This reads release {open_release}. Who may read what is decided by today's rules.",)
                assert _told(archive.ask(QUESTIONS["sla"], **when)) == {"sla"}
            assert archive.ask(QUESTIONS["refund"]).notices == (), "of today it goes without saying"

    def test_what_was_opened_since_is_not_told_of_a_time_when_it_was_closed(self, tmp_path: Path) -> None:
        with opened(tmp_path / "opened", ["  - {match: refund.md, access: {classification: restricted}}\n"]) as archive:
            archive.publish({"refund": History(["refund"]).versions["refund"][0].text}, FIRST)
            declare(archive.folder)
            (held,) = archive.ingest(morning(FIRST + timedelta(days=9))).held
            _let_through(archive, held.id)
            archive.at += timedelta(hours=1)
            assert _told(archive.ask(QUESTIONS["refund"])) == {"refund"}
            assert archive.ask(QUESTIONS["refund"], as_of=noon(FIRST)).items == ()


class TestRollback:
    def test_a_moment_is_told_what_was_read_then_be_it_wrong_or_taken_back(self, tmp_path: Path) -> None:
        old, bad, new = _three_that_differ()
        with opened(tmp_path / "rolled") as archive:
            days = [FIRST + timedelta(days=number) for number in range(5)]
            first = archive.publish({"sla": old.text}, days[0])
            archive.publish({"sla": bad.text}, days[1])
            archive.at = morning(days[2])
            archive.app.releases.rollback(OPERATOR, first, "It was wrong.")
            archive.at += timedelta(hours=1)
            archive.app.releases.restore()
            archive.write({"sla": new.text}, days[3])
            (held,) = archive.ingest(morning(days[3])).held
            archive.at = noon(days[3])
            assert _reads(archive, days[3]) == old.words, "nothing publishes itself after a rollback"
            archive.at = morning(days[4])
            _let_through(archive, held.id)
            archive.at = noon(days[4])
            assert [_reads(archive, day) for day in days] == [one.words for one in (old, bad, old, old, new)]


def _after_the_first(history: History) -> list[Version]:
    return [version for versions in history.readable.values() for version in versions[1:]]


def _brought(version: Version, history: History) -> list[str]:
    """Sentences long enough to ask for that a version is the first to hold."""
    before = history.before(version)
    assert before
    whole = [line for line in lines(version.text) if len(line.split()) >= 8 and words(line) in version.words]
    return [line for line in whole if words(line) not in before.words]


def _gone(line: str, version: Version, history: History) -> date | None:
    """The day on which a line of a version was replaced."""
    later = (one.day for one in history.readable[version.policy] if one.day > version.day and words(line) not in one.words)
    return next(later, None)


def _tells(reply: ContextReply, line: str) -> bool:
    return any(words(line) in words(item.text) for item in reply.items)


@cache
def _parsed(version: Version) -> Parsed:
    """Some versions differ in no more than a quotation mark, others in no more than where a link leads."""
    return parse(f"{version.policy}.md", version.text)


def _name(version: Version) -> str:
    return f"{version.policy}/{version.day}"


def _ref(version: Version) -> str:
    return f"policies:{_name(version)}.md"


def _stem(document: str) -> str:
    return document.partition("/")[0]


def _window(version: Version, until: date | None) -> str:
    return f"{{from: {version.day}{f', to: {until}' if until else ''}}}"


def _of_one_policy(report: ConflictReport) -> bool:
    return report.winner is not None and {_stem(loser.document) for loser in report.losers} == {_stem(report.winner.document)}


def _announced_on(day: date, announced: Mapping[Version, date]) -> dict[str, str | None]:
    """The files that are written on a day: what is announced, and what it will replace."""
    known = sorted((one for one, since in announced.items() if since <= day), key=lambda one: (one.policy, one.day))
    written: dict[str, str | None] = {}
    for one, following in pairwise([*known, None]):
        assert one
        replaced_by = following if following and following.policy == one.policy else None
        if day in (announced[one], replaced_by and announced[replaced_by]):
            until = replaced_by.day - timedelta(days=1) if replaced_by else None
            written[_name(one)] = _with_window(one, _window(one, until))
    return written


def _with_window(version: Version, window: str) -> str:
    line = f"---\neffective: {window}\n"
    return line + version.text.removeprefix("---\n") if version.text.startswith("---\n") else f"{line}---\n{version.text}"


def _moments_and_later_days(announcements: list[date]) -> list[tuple[date, date]]:
    """Moments soon after an announcement, each with a day up to two months later, when what was announced holds or does not yet."""
    chosen = random.Random("both")  # noqa: S311 - a choice that repeats
    moments = [chosen.choice(announcements[1:]) + timedelta(days=chosen.randrange(40)) for _ in range(DATES)]
    return [(moment, moment + timedelta(days=chosen.randrange(1, 60))) for moment in moments]


def _told(reply: ContextReply) -> set[str]:
    return {policy_of(item) for item in reply.items}


def _let_through(archive: Archive, draft: str) -> None:
    seen = archive.app.control.gates.check(OPERATOR, draft).digest
    archive.app.control.gates.approve(OPERATOR, draft, seen)
    archive.app.releases.publish(OPERATOR, draft)


def _three_that_differ() -> list[Version]:
    versions = History(["sla"]).versions["sla"]
    return [versions[0], versions[4], versions[-1]]


def _reads(archive: Archive, day: date) -> str:
    """The whole text that the answer of a day is from."""
    (version,) = {item.lineage.version for item in archive.ask(QUESTIONS["sla"], as_of=noon(day)).items}
    kept = archive.app.records.version(version)
    assert kept
    return words(kept.text)
