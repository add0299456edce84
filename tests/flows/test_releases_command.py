"""`context-service releases`, `drafts` and `golden`, as operators, approvers and CI call them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from context_service.app import App, open_app
from context_service.cli.drafts import GATE_FAILED
from context_service.cli.golden import GOLDEN_FAILED
from context_service.cli.main import app as command
from context_service.ingest.progress import Silent
from context_service.model.access import Principal
from context_service.model.workspace import TextOverride
from context_service.settings import Settings
from tests.companies import AGENT, OPERATOR, OWNER, STRANGER, small_company
from tests.flows.changes import SECOND, SUPPORT, staged

RETURN = "How many days do I have to return a product for a full refund?"
SHORTER = TextOverride(document="handbook:returns.md", passage="within 30 days of delivery", replacement="within 21 days of delivery")
CHEAPER = TextOverride(document="helpcenter:faq.md", passage="EUR 7.99", replacement="EUR 6.99")
GOLDEN = """\
workflow: refund
audiences: [customer-agents]
questions:
  - id: thirty-days
    query: How many days do I have to return a product for a full refund?
    customer: {attributes: {region: US}}
    must_contain: [within 30 days of delivery]
"""
Company = tuple[Path, dict[str, str], str]


def opened(folder: Path) -> App:
    return open_app(Settings(config=folder / "context.yaml", data=folder / "data", schedule=False))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """The small company with its first release, keys by name, and a draft of the owner's."""
    folder = small_company(tmp_path_factory.mktemp("company")).parent
    (folder / "golden").mkdir()
    (folder / "golden" / "refund.yaml").write_text(GOLDEN)
    people: dict[str, Principal] = {
        "owner": OWNER, "support": SUPPORT, "operator": OPERATOR, "second": SECOND, "stranger": STRANGER, "agent": AGENT,
    }  # fmt: skip
    with opened(folder) as app:
        app.ingest([], "test", Silent())
        keys = {name: app.register(principal, "test") for name, principal in people.items()}
        draft = staged(app, OWNER, SHORTER).draft
        assert draft
        return folder, keys, draft


@pytest.fixture
def company(template: Company, tmp_path: Path) -> Company:
    return Path(shutil.copytree(template[0], tmp_path / "company")), template[1], template[2]


def run(company: Company, who: str, *words: str) -> Result:
    folder, keys, _ = company
    where = {"CONTEXT_CONFIG": str(folder / "context.yaml"), "CONTEXT_DATA": str(folder / "data"), "CONTEXT_KEY": keys[who]}
    ran = CliRunner().invoke(command, words, env={**where, "COLUMNS": "100"})
    assert not ran.exception or isinstance(ran.exception, SystemExit), ran.exc_info
    return ran


def approved(company: Company) -> str:
    """The draft, approved by an operator whatever its gates say."""
    checked = run(company, "operator", "drafts", "check", company[2], "--json")
    digest = json.loads(checked.stdout)["digest"]
    ran = run(company, "operator", "drafts", "approve", company[2], "--digest", digest, "--reason", "read it twice")
    assert ran.exit_code == 0, ran.output
    return company[2]


def published(company: Company) -> int:
    ran = run(company, "operator", "drafts", "publish", approved(company), "--reason", "the law changed")
    assert ran.exit_code == 0, ran.output
    found = re.search(r"Release (\d+) is published", ran.stdout)
    assert found
    return int(found[1])


def narrow(ran: Result) -> bool:
    """Whether the output can be read at 100 columns."""
    return bool(ran.stdout) and max(len(line) for line in ran.stdout.splitlines()) <= 100


class TestReleases:
    def test_the_list_says_what_is_read_and_where_it_came_from(self, company: Company) -> None:
        number = published(company)
        ran = run(company, "owner", "releases")
        assert ran.exit_code == 0
        assert re.search(rf"{number} +\d+ s ago +omar +workspace +handbook +read", ran.stdout)
        assert narrow(ran)
        told = json.loads(run(company, "owner", "releases", "--json").stdout)
        assert ([one["number"] for one in told["releases"]], told["traffic"]["number"]) == ([number, 1], number)

    def test_one_is_shown_with_its_gates_approval_and_reasons(self, company: Company) -> None:
        number = published(company)
        ran = run(company, "owner", "releases", "show", str(number))
        for words in ("Release", "(read)", "by omar", "the law changed", "approved by omar: read it twice", "golden", "failed"):
            assert words in ran.stdout
        assert narrow(ran)
        assert json.loads(run(company, "owner", "releases", "show", "1", "--json").stdout)["release"]["number"] == 1

    def test_two_are_compared(self, company: Company) -> None:
        number = published(company)
        ran = run(company, "owner", "releases", "diff", "1", str(number))
        assert f"1 → {number}: 1 changed" in ran.stdout
        assert re.search(r"changed +handbook:returns.md +text +\+1 -1", ran.stdout)
        assert narrow(ran)

    def test_rolled_back_the_older_is_read_and_new_ones_start_from_it(self, company: Company) -> None:
        number = published(company)
        ran = run(company, "operator", "releases", "rollback", "1", "--reason", "too early")
        assert ran.exit_code == 0, ran.output
        assert "Everybody reads release 1." in ran.stdout
        assert f"Release {number + 1} holds the same" in ran.stdout
        listed = run(company, "operator", "releases").stdout
        assert "rollback to 1" in listed
        assert "nothing publishes itself until a person has" in listed

    def test_a_pinned_one_outlives_the_others(self, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CONTEXT_KEEP_RELEASES", "2")
        monkeypatch.setenv("CONTEXT_KEEP_DAYS", "0")
        published(company)
        with opened(company[0]) as app:
            draft = staged(app, SUPPORT, CHEAPER).draft
        assert draft
        published((company[0], company[1], draft))
        assert "is kept" in run(company, "operator", "releases", "pin", "1").stdout
        assert "any more: none." in run(company, "operator", "releases", "retain").stdout
        assert "left to the retention" in run(company, "operator", "releases", "unpin", "1").stdout
        assert "any more: 1." in run(company, "operator", "releases", "retain").stdout
        refused = run(company, "operator", "releases", "rollback", "1", "--reason", "x")
        assert (refused.exit_code, "Release 1 is not kept any more" in refused.stderr) == (1, True)

    @pytest.mark.parametrize(
        ("who", "words", "status", "said"),
        [
            ("agent", ["releases"], 1, "Use the key of a person."),
            ("owner", ["releases", "show", "7"], 1, "There is no release 7."),
            ("operator", ["releases", "rollback", "7", "--reason", "x"], 1, "There is no release 7."),
            ("operator", ["releases", "rollback", "1", "--reason", "x"], 1, "Release 1 is what is read."),
            ("operator", ["releases", "rollback", "1"], 2, "--reason"),
            ("owner", ["releases", "pin", "1"], 1, "Ask an operator."),
            ("owner", ["releases", "show", "0"], 2, "greater than or equal to 1"),
        ],
    )
    def test_what_cannot_be_done_is_told_with_the_remedy(
        self, company: Company, who: str, words: list[str], status: int, said: str
    ) -> None:
        ran = run(company, who, *words)
        assert (ran.exit_code, said in ran.stderr) == (status, True), ran.output


class TestDrafts:
    def test_those_that_stand_are_listed_with_the_beginning_of_their_id(self, company: Company) -> None:
        draft = company[2]
        ran = run(company, "owner", "drafts")
        assert re.search(rf"{draft[:8]} +2 +workspace +open +handbook", ran.stdout)
        assert narrow(ran)
        assert run(company, "stranger", "drafts").stdout.strip() == "There is no draft."
        assert [one["id"] for one in json.loads(run(company, "owner", "drafts", "--json").stdout)] == [draft]
        assert draft in run(company, "owner", "drafts", "show", draft[:8]).stdout
        assert "handbook:returns.md" in run(company, "owner", "drafts", "diff", draft[:8]).stdout

    def test_a_gate_that_fails_fails_a_build(self, company: Company) -> None:
        ran = run(company, "owner", "drafts", "check", company[2])
        assert ran.exit_code == GATE_FAILED == 3
        for words in ("golden", "failed", "thirty-days", "handbook is held", "waits for an approval", "drafts approve"):
            assert words in ran.stdout
        assert narrow(ran)

    def test_it_is_published_when_somebody_else_has_approved_it(self, company: Company) -> None:
        digest = json.loads(run(company, "owner", "drafts", "check", company[2], "--json").stdout)["digest"]
        own = run(company, "owner", "drafts", "approve", company[2], "--digest", digest)
        assert (own.exit_code, "You have edited this draft." in own.stderr) == (1, True)
        early = run(company, "operator", "drafts", "publish", company[2])
        assert (early.exit_code, "waits for an approval" in early.stderr) == (1, True)
        number = published(company)
        again = run(company, "operator", "drafts", "publish", company[2])
        assert again.exit_code == 1
        assert "21 days" in run(company, "agent", "ask", RETURN, "-w", "refund", "-a", "region=US").stdout
        assert "30 days" in run(company, "agent", "ask", RETURN, "-w", "refund", "-a", "region=US", "--release", "1").stdout
        assert number == 2

    def test_it_is_tried_widened_and_taken_back(self, company: Company) -> None:
        draft = approved(company)[:8]
        assert "on trial: 50% of the conversations" in run(company, "operator", "drafts", "canary", draft, "--share", "0.5").stdout
        assert "on trial, 50%" in run(company, "operator", "releases").stdout
        assert "80% of the conversations read release 2." in run(company, "operator", "drafts", "widen", draft, "--share", "0.8").stdout
        ran = run(company, "operator", "drafts", "take-back", draft, "--reason", "worse")
        assert ("Everybody reads release 1." in ran.stdout, ran.exit_code) == (True, 0)
        assert "Release 3 holds the same" in ran.stdout

    def test_widened_to_all_everybody_reads_it(self, company: Company) -> None:
        draft = approved(company)
        run(company, "operator", "drafts", "canary", draft, "--share", "0.5")
        assert "Everybody reads release 2." in run(company, "operator", "drafts", "widen", draft, "--share", "1").stdout

    @pytest.mark.parametrize("share", ["0", "1", "-1", "1.5", "nan"])
    def test_a_share_out_of_bounds_is_refused(self, company: Company, share: str) -> None:
        ran = run(company, "operator", "drafts", "canary", approved(company), "--share", share)
        assert (ran.exit_code, "A share lies between 0 and 1." in ran.stderr) == (1, True)

    def test_a_discarded_one_is_gone(self, company: Company) -> None:
        assert "is discarded" in run(company, "owner", "drafts", "discard", company[2], "--reason", "not now").stdout
        assert run(company, "owner", "drafts").stdout.strip() == "There is no draft."

    @pytest.mark.parametrize("name", ["none", "", "x"])
    def test_an_unknown_one_is_told(self, company: Company, name: str) -> None:
        ran = run(company, "operator", "drafts", "publish", name)
        assert (ran.exit_code, "There is no draft" in ran.stderr) == (1, True)


class TestGolden:
    def test_while_all_hold_it_passes(self, company: Company) -> None:
        ran = run(company, "operator", "golden", "run")
        assert (ran.exit_code, "Of 1 golden questions 0 fail in 1." in ran.stdout) == (0, True), ran.output
        assert run(company, "operator", "golden", "run", "--workflow", "delivery").stdout.startswith("There is no golden question")

    def test_one_that_fails_fails_a_build(self, company: Company) -> None:
        run(company, "operator", "drafts", "check", company[2])
        ran = run(company, "operator", "golden", "run", "--draft", company[2][:8])
        assert ran.exit_code == GOLDEN_FAILED == 3
        assert re.search(r"✗ +thirty-days", ran.stdout)
        assert narrow(ran)
        published(company)
        assert run(company, "operator", "golden", "run").exit_code == 3
        assert run(company, "operator", "golden", "run", "--release", "1").exit_code == 0
        (outcome,) = json.loads(run(company, "operator", "golden", "run", "--json").stdout)["outcomes"]
        assert outcome["misses"][0]["what"] == "must_contain"

    def test_an_agent_does_not_ask_them(self, company: Company) -> None:
        ran = run(company, "agent", "golden", "run")
        assert (ran.exit_code, "Use the key of a person." in ran.stderr) == (1, True)
