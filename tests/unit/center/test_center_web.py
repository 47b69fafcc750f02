"""The web: who may see, forms that can't be forged, pages that hold in both languages."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from center_kit import HOUSEHOLD, PASS_ID, at, decision
from center_office import PASSWORD, ZONE, Office
from fastapi.testclient import TestClient

from center.accounts.audit import newest
from center.accounts.users import Account, Role
from center.ingest.extract import columns_of
from center.ingest.gate_book import GateBook
from center.person_label import person_label
from center.registry.reveals import SHOWN_WITHIN_S, Reveals
from center.web.language import Language, chosen_language
from center.web.rendering import zone_name
from center.web.search_form import read_search
from center.web.services import Health
from journal.body import build_body, canonical_json
from model.reasons import Outcome, Reason
from model.records import StepDone, VisitStep, fields_of
from mqtt.messages import Availability, Mode

REVOKE = f"/households/{HOUSEHOLD}/passes/{PASS_ID}/revoke"
WEB = Path(__file__).resolve().parents[3] / "center" / "web"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.store.close()


def token_in(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


PRIVATE = ["/", "/live", f"/households/{HOUSEHOLD}", "/passages/1", "/api/passages", "/api/gates", "/api/chain"]


@pytest.mark.parametrize("path", PRIVATE)
def test_nobody_sees_anything_without_signing_in(office: Office, path: str) -> None:
    answer = office.client().get(path)
    assert answer.status_code in (303, 401)
    assert "3-2-501" not in answer.text


@pytest.mark.parametrize("path", ["/", f"/households/{HOUSEHOLD}", "/passages/1", "/api/passages"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_stands_in_both_languages(office: Office, path: str, language: str) -> None:
    client = office.client("office")
    answer = client.get(path, headers={"accept-language": language})
    assert answer.status_code == 200
    if not path.startswith("/api"):
        assert f'<html lang="{"zh-Hans" if language == "zh" else "en"}">' in answer.text


def test_a_passage_shows_place_and_masked_name_and_never_more(office: Office) -> None:
    page = office.client("duty").get("/").text
    assert "3-2-501" in page
    assert "张*" in page
    assert "张三" not in page


def test_a_detail_shows_all_inputs(office: Office) -> None:
    page = office.client("duty").get("/passages/1").text
    for shown in (
        "36.5 °C",
        "36.54 °C",
        "34.50",
        "21.50 °C",
        "offset/1",
        "Rules longcheng, version 2",
        "Directory version 4",
    ):
        assert shown in page, shown
    assert office.device.envelopes[0].hash in page


def test_a_body_that_does_not_fit_is_shown_as_it_is(office: Office) -> None:
    event = office.device.body(
        '{"v":1,"kind":"decision","outcome":"granted","temperature":[],"steps":7,"reason":"<script>alert(1)</script>"}'
    )
    office.keeper.keep([event])
    client = office.client("duty")
    newest = client.get("/api/passages").json()["passages"][0]["id"]
    for path in (f"/passages/{newest}", "/"):
        page = client.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text


def test_pages_hold_no_inline_script_or_style_and_say_so_to_the_browser(office: Office) -> None:
    client = office.client("office")
    for path in ("/", "/signin", f"/households/{HOUSEHOLD}", "/passages/1"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<script(?![^>]*src=)", answer.text)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", answer.text)


def test_the_session_cookie_is_for_the_browser_alone(office: Office) -> None:
    answer = office.client().post("/signin", data={"name": "duty", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    over_tls = TestClient(office.app, base_url="https://centre", follow_redirects=False)
    assert (
        "secure" in over_tls.post("/signin", data={"name": "duty", "password": PASSWORD}).headers["set-cookie"].lower()
    )


def test_signing_out_ends_the_session_wherever_its_cookie_is(office: Office) -> None:
    client = office.client("duty")
    stolen = dict(client.cookies)
    client.post("/signout", data={"csrf": token_in(client.get("/").text)})
    assert TestClient(office.app, cookies=stolen, follow_redirects=False).get("/").status_code == 303


@pytest.mark.parametrize("token", [None, "", "wrong", "é"])
def test_a_form_without_its_sessions_token_is_refused(office: Office, token: str | None) -> None:
    client = office.client("office")
    fields = {"reason": "card lost"} | ({"csrf": token} if token is not None else {})
    assert client.post(REVOKE, data=fields).status_code == 403
    assert client.post("/signout", data=fields).status_code == 403
    assert office.directory_changes == 0


def test_if_tokens_were_not_checked_a_forged_form_would_revoke(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("center.web.pages.require_token", lambda form, session: None)
    assert office.client("office").post(REVOKE, data={"reason": "card lost"}).status_code == 303


def test_the_token_of_another_session_is_refused(office: Office) -> None:
    other = token_in(office.client("duty").get("/").text)
    answer = office.client("office").post(REVOKE, data={"csrf": other, "reason": "card lost"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}]
)
def test_a_form_from_another_site_is_refused(office: Office, headers: dict[str, str]) -> None:
    answer = office.client().post("/signin", data={"name": "duty", "password": PASSWORD}, headers=headers)
    assert answer.status_code == 403


def test_a_body_larger_than_any_form_is_refused(office: Office) -> None:
    assert office.client().post("/signin", data={"name": "x" * 20_000, "password": "y"}).status_code == 413


def test_an_officer_reveals_nothing_and_the_office_does_with_a_reason(office: Office) -> None:
    path = f"/households/{HOUSEHOLD}/people/1/reveal"
    duty = office.client("duty")
    page = duty.get("/").text
    assert duty.post(path, data={"csrf": token_in(page), "reason": "clinic asks"}).status_code == 403
    client = office.client("office")
    token = token_in(client.get(f"/households/{HOUSEHOLD}").text)
    answer = client.post(path, data={"csrf": token, "reason": "clinic asks"})
    shown = client.get(answer.headers["location"])
    assert "11010519491231002X" in shown.text
    assert shown.headers["cache-control"] == "no-store"
    assert "11010519491231002X" not in client.get(f"/households/{HOUSEHOLD}").text


def test_a_number_is_shown_once_and_each_showing_is_audited(office: Office) -> None:
    def reveals() -> int:
        with office.store.reading() as connection:
            return sum(line.action == "id_number_revealed" for line in newest(connection, 100))

    client = office.client("office")
    token = token_in(client.get(f"/households/{HOUSEHOLD}").text)
    form = {"csrf": token, "reason": "clinic asks"}
    location = client.post(f"/households/{HOUSEHOLD}/people/1/reveal", data=form).headers["location"]
    assert reveals() == 0
    # Neither another officer's browser nor another session of the same account is shown it.
    for other in (office.client("duty"), office.client("office")):
        assert "11010519491231002X" not in other.get(location).text
    assert ("11010519491231002X" in client.get(location).text, reveals()) == (True, 1)
    again = client.get(location).text
    assert ("11010519491231002X" in again, "was shown once" in again, reveals()) == (False, True, 1)


def test_a_number_that_nobody_looked_at_is_forgotten(office: Office) -> None:
    moment = [1_000_000]
    reveals = Reveals(office.residents, now=lambda: moment[0])
    account = Account(id=1, name="office", role=Role.OFFICE)
    tokens = [reveals.ask(1, account=account, session="s", reason="clinic asks") for _ in range(2)]
    moment[0] += SHOWN_WITHIN_S * 1000 - 1
    assert reveals.show(tokens[0], account=account, session="s") is not None
    moment[0] += 1
    assert reveals.show(tokens[1], account=account, session="s") is None


def test_a_blank_reason_leads_back_to_the_household(office: Office) -> None:
    client = office.client("office")
    token = token_in(client.get(f"/households/{HOUSEHOLD}").text)
    for path in (f"/households/{HOUSEHOLD}/people/1/reveal", REVOKE):
        answer = client.post(path, data={"csrf": token, "reason": "  "})
        assert answer.status_code == 303
        page = client.get(answer.headers["location"]).text
        assert "3-2-501" in page
        assert "State a reason of 4 to 200 characters." in page
    assert office.directory_changes == 0


def test_a_revocation_reaches_the_directory(office: Office) -> None:
    client = office.client("office")
    token = token_in(client.get(f"/households/{HOUSEHOLD}").text)
    answer = client.post(REVOKE, data={"csrf": token, "reason": "card lost"})
    assert (answer.status_code, office.directory_changes) == (303, 1)


def test_search_finds_by_place_pass_reason_and_day(office: Office) -> None:
    client = office.client("duty")
    count = lambda query: len(client.get(f"/api/passages?{query}").json()["passages"])  # noqa: E731
    assert [count(q) for q in ("place=3-2-501", "place=3-2", "place=3", "place=2-501", "place=3-2-5")] == [
        3,
        3,
        3,
        0,
        0,
    ]
    assert [count(q) for q in (f"pass={PASS_ID.upper()}", "reason=admitted", "outcome=denied", "household=501")] == [
        3,
        3,
        0,
        3,
    ]
    assert [count(q) for q in ("from=2020-02-14&to=2020-02-14", "from=2020-02-15", "to=2020-02-13")] == [3, 0, 0]
    assert client.get("/api/passages?pass=xyz").status_code == 400
    assert "A pass number has 16 characters" in client.get("/?pass=xyz").text


def test_wildcards_in_a_place_are_no_wildcards(office: Office) -> None:
    client = office.client("duty")
    for place in ("%25", "_", "3-%25", "_-_", "3\\"):
        assert client.get(f"/api/passages?place={place}").json()["passages"] == []


def test_a_day_is_the_communitys_own() -> None:
    search = read_search({"from": "2020-02-14", "to": "2020-02-14"}, ZONE)
    assert search.filter.since == datetime(2020, 2, 13, 16, tzinfo=UTC)
    assert search.filter.until == datetime(2020, 2, 14, 16, tzinfo=UTC)


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_the_language_switch_leads_nowhere_else(office: Office, back: str) -> None:
    answer = office.client().get("/language/zh", params={"back": back})
    assert answer.headers["location"] == "/"


def test_a_language_chosen_by_hand_beats_the_browsers() -> None:
    assert chosen_language("zh", "en", Language.ENGLISH) is Language.CHINESE
    assert chosen_language(None, "de, en;q=0.3, zh-CN;q=0.8", Language.ENGLISH) is Language.CHINESE
    assert chosen_language("xx", "de;q=oops", Language.CHINESE) is Language.CHINESE


def test_health_says_what_is_wrong(office: Office) -> None:
    client = office.client()
    assert client.get("/healthz").status_code == 200
    office.health = Health(bus=False, ingest=True)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"bus": False, "ingest": True})


@pytest.mark.parametrize(("language", "words"), [("en", "There is nothing here."), ("zh", "这里没有内容。")])
def test_what_is_not_there_is_said_in_words(office: Office, language: str, words: str) -> None:
    client = office.client("duty")
    numbers = ("x", "999999", "99999999999999999999999", "-1", "1.5")
    for path in ("/nothing", *(f"/{kind}/{number}" for kind in ("passages", "households") for number in numbers)):
        answer = client.get(path, headers={"accept-language": language})
        assert answer.status_code == 404, path
        assert words in answer.text
        # Whoever is signed in stays so, and sees it.
        assert 'action="/signout"' in answer.text
    assert 'action="/signout"' not in office.client().get("/nothing").text


def test_a_program_that_asks_wrongly_hears_it_in_json(office: Office) -> None:
    client = office.client("duty")
    for path, status in (("x", 422), ("99999999999999999999999", 422), ("999999", 404)):
        answer = client.get(f"/api/passages/{path}")
        assert answer.status_code == status
        assert answer.json()["error"] in ("not_understood", "not_found")
    assert client.post("/api/signin", json={"name": 7}).json() == {"error": "not_understood"}


def test_what_nobody_foresaw_is_said_in_words(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    signed_in = office.client("duty")
    client = TestClient(office.app, cookies=dict(signed_in.cookies), raise_server_exceptions=False)

    def failing(*arguments: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(office.residents.__class__, "household", failing)
    monkeypatch.setattr("center.desk.gates.GateView.all", failing)
    answer = client.get(f"/households/{HOUSEHOLD}")
    assert (answer.status_code, "a secret" in answer.text, "unforeseen" in answer.text) == (500, False, True)
    assert 'action="/signout"' in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert client.get("/api/gates").json() == {"error": "unforeseen"}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_raw_code_of_a_step_stands_on_a_page(office: Office, language: str) -> None:
    steps = tuple(
        StepDone(step=VisitStep.ASK, result=result, after_s=1.0)
        for result in ("not_required", "by_rules", "verified", "confirmed", "no", "yes")
    )
    kind, fields = fields_of(replace(decision(visit=7), steps=steps))
    office.keeper.keep([office.device.body(canonical_json(build_body(kind, at(9.0), fields)))])
    client = office.client("duty")
    newest_id = client.get("/api/passages").json()["passages"][0]["id"]
    page = client.get(f"/passages/{newest_id}", headers={"accept-language": language}).text
    shown = page.split("<details")[0]
    for code in ("not_required", "by_rules") + (("verified", "confirmed") if language == "zh" else ("verified<",)):
        assert code not in shown, code


def test_what_came_of_a_visit_stands_at_the_grant_alone(office: Office) -> None:
    referred = office.device.record_decision(visit=8, outcome=Outcome.REFERRED, reason=Reason.TEMPERATURE_INDETERMINATE)
    granted = office.device.record_decision(visit=8, reason=Reason.GUARD_CONFIRMED)
    office.keeper.keep([referred, granted, office.device.passage(8)])
    rows = office.client("duty").get("/api/passages").json()["passages"][:2]
    assert [(row["outcome"], row["end"]) for row in rows] == [("granted", "taken"), ("referred", None)]


def test_people_of_one_family_are_told_apart(office: Office) -> None:
    labels = [person_label("刘*", *m) for m in (("110***********0012", None), (None, "13800000034"), (None, None))]
    assert labels == ["刘* (…12)", "刘* (…34)", "刘*"]
    page = office.client("office").get(f"/households/{HOUSEHOLD}").text
    assert "张* (…2X)" in page
    assert "张* (…2X)" in office.client("duty").get("/").text


def test_a_page_tells_the_zone_of_its_times_once(office: Office) -> None:
    assert office.client("duty").get("/").text.count("UTC+8") == 1
    names = [zone_name(datetime(2020, 1, 1, tzinfo=ZoneInfo(n))) for n in ("Asia/Kolkata", "UTC", "America/New_York")]
    assert names == ["UTC+5:30", "UTC", "UTC-5"]


def test_chinese_runs_on_without_foreign_spaces(office: Office) -> None:
    page = office.client("duty").get("/", headers={"accept-language": "zh"}).text
    assert not re.search("[\u4e00-\u9fff] 前|版, ", page)


# Inner walls


@pytest.mark.parametrize(
    ("language", "rules", "refused", "why"),
    [
        ("zh", "第 5 版", "拒收名册或规则", "比现有的旧"),
        ("en", "version 5", "Directory or rules refused", "older than"),
    ],
)
def test_a_gate_shows_its_rules_and_what_it_refused(
    office: Office, language: str, rules: str, refused: str, why: str
) -> None:
    modes = {"directory-refused": Mode(availability=Availability.UNAVAILABLE, why="not_newer")}
    GateBook(office.store).note([office.device.state(modes=modes, rules_version=5)])
    page = office.client("duty").get("/gates/gate-1", headers={"accept-language": language}).text
    assert all(words in page for words in (rules, refused, why))


def test_web_calls_services_and_services_call_the_store_never_back() -> None:
    center = WEB.parent
    forbidden = {
        "store": ("accounts", "desk", "ingest", "registry", "web", "app"),
        "accounts": ("desk", "ingest", "registry", "web", "app"),
        "ingest": ("accounts", "desk", "registry", "web", "app"),
        "registry": ("desk", "ingest", "web", "app"),
        "desk": ("accounts", "registry", "web", "app"),
        "web": ("store", "ingest", "app"),
    }
    for room, others in forbidden.items():
        for file in center.glob(f"{room}/**/*.py"):
            imported = re.findall(r"^(?:from|import) center\.(\w+)", file.read_text(encoding="utf-8"), re.M)
            assert not set(imported) & set(others), (file, imported)


def test_a_decisions_columns_come_from_its_body_alone() -> None:
    columns = columns_of({"v": 1, "kind": "decision", "visit": True, "outcome": "maybe", "code": "x", "at": 3})
    assert (columns.visit, columns.outcome, columns.pass_id, columns.wall_ms) == (None, None, None, None)
