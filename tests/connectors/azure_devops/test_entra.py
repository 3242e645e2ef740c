"""Signing in to Azure DevOps as an application of Entra, and Entra itself as far as the emulator has it."""

from datetime import timedelta
from urllib.parse import urlsplit

import httpx2
import pytest

from rallypoint.clock import ManualClock
from rallypoint.connectors.azure_devops.tool import SCOPE, TOOL
from rallypoint.connectors.azure_devops.tracker import AzureDevOpsTracker
from rallypoint.connectors.oauth import Bearer, Grant
from rallypoint.egress import Egress
from rallypoint.emulators.azure_devops import CLIENT, INTEGRATION, PROJECT, AzureDevOps
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.errors import Invalid
from rallypoint.sync.model import RemoteItem
from rallypoint.sync.ports import AuthFailed, Draft, Outage, RateLimited
from rallypoint.sync.tools import Access
from tests.connectors.kit import upload


@pytest.fixture
def tokens(emulator: AzureDevOps, url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/{emulator.entra.tenant}/oauth2/v2.0/token"


HTML = {"content-type": "text/html"}


class Signed:
    """A tracker that signs in with a grant."""

    def __init__(self, emulator: AzureDevOps, url: str, tokens: str, way: Egress, clock: ManualClock) -> None:
        self.emulator, self.url, self.tokens, self.way, self.clock = emulator, url, tokens, way, clock
        self.tracker = self.by()

    def by(self, *, secret: str = "", refresh: str = "", scope: str = SCOPE) -> AzureDevOpsTracker:
        grant = Grant(
            client_id=CLIENT,
            client_secret=secret or self.emulator.client_secret,
            token_url=self.tokens,
            refresh_token=refresh,
            scope=scope,
        )
        bearer = Bearer(self.way, "Entra", grant, self.clock.now)
        return AzureDevOpsTracker(self.way, base_url=self.url, bearer=bearer, now=self.clock.now, project=PROJECT)


@pytest.fixture
def signed(emulator: AzureDevOps, url: str, tokens: str, way: Egress, clock: ManualClock) -> Signed:
    return Signed(emulator, url, tokens, way, clock)


async def test_an_application_signs_in_and_its_token_is_renewed_before_it_ends(
    signed: Signed, clock: ManualClock
) -> None:
    checked = await signed.tracker.check()
    assert checked.ok, checked.findings
    assert checked.identity is not None
    assert checked.identity.email == INTEGRATION
    assert signed.emulator.entra.asked == 1, "one token for all of it"
    clock.advance(timedelta(seconds=3599 - 61))
    await signed.tracker.projects()
    assert signed.emulator.entra.asked == 1
    clock.advance(timedelta(seconds=2))
    await signed.tracker.projects()
    assert signed.emulator.entra.asked == 2, "a minute before it ends"


async def test_a_token_that_is_refused_is_replaced_once(signed: Signed) -> None:
    made = await signed.tracker.create(
        Draft(
            project=PROJECT,
            type="Bug",
            fields={"System.Title": "One", "System.State": "New"},
            natural_key="inc-1",
            url="https://rp.example/1",
        ),
        "op-1",
    )
    signed.emulator.entra.revoke()
    assert isinstance(await signed.tracker.read(made.remote_id), RemoteItem)
    signed.emulator.entra.revoke()
    with pytest.raises(Outage) as again:
        await signed.tracker.attach(made.remote_id, upload("a", b"a"), "op")
    assert (again.value.retry, again.value.unknown) == (True, False)
    await signed.tracker.attach(made.remote_id, upload("a", b"a"), "op")
    asked = signed.emulator.entra.asked
    signed.emulator.organization.users.pop(INTEGRATION)
    with pytest.raises(AuthFailed, match="TF400813") as no:
        await signed.tracker.projects()
    assert signed.emulator.entra.asked == asked + 1, "a token is asked for once more, and no oftener"
    assert "application" in no.value.help


async def test_what_entra_refuses_is_told_in_its_words_and_without_a_secret(signed: Signed, tokens: str) -> None:
    for tracker, words in (
        (signed.by(secret="another-secret"), "AADSTS7000215"),
        (signed.by(scope="https://other/.default"), "AADSTS1002012"),
        (signed.by(refresh="made-up-refresh"), "AADSTS700082"),
    ):
        with pytest.raises(AuthFailed, match=words) as no:
            await tracker.projects()
        assert not no.value.retry
        assert "secret" not in repr(no.value.exchange)
        assert "made-up" not in repr(no.value.exchange)
        assert no.value.help
        checked = await tracker.check()
        assert [one.about for one in checked.findings] == ["credentials"]
    with pytest.raises(AuthFailed, match="takes the refresh token no more"):
        await signed.by(refresh="made-up-refresh").projects()


async def test_the_refresh_token_that_came_last_is_used_next(signed: Signed, clock: ManualClock) -> None:
    first = signed.emulator.entra.consent(INTEGRATION)
    tracker = signed.by(refresh=first)
    await tracker.projects()
    signed.emulator.entra._refresh.pop(first)
    clock.advance(timedelta(hours=2))
    await tracker.projects()
    assert signed.emulator.entra.asked == 2


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(kind=FaultKind.REFUSE, path="/oauth2/", status=503), Outage),
        (Fault(kind=FaultKind.REFUSE, path="/oauth2/", status=200, headers=HTML, body="<p>"), Outage),
        (Fault(kind=FaultKind.REFUSE, path="/oauth2/", status=429, headers={"retry-after": "9"}), RateLimited),
        (Fault(kind=FaultKind.RESET, path="/oauth2/"), Outage),
    ],
)
async def test_an_outage_of_entra_is_no_refusal(signed: Signed, fault: Fault, kind: type[Exception]) -> None:
    signed.emulator.faults.plan(fault)
    with pytest.raises(kind) as no:
        await signed.tracker.projects()
    assert no.value.retry  # type: ignore[attr-defined]
    assert not getattr(no.value, "unknown", False), "nothing was asked of the organisation yet"
    await signed.tracker.projects()


async def test_a_connection_needs_a_token_or_a_whole_application(way: Egress, url: str, tokens: str) -> None:
    whole = {"client_id": CLIENT, "token_url": tokens}
    for settings, secrets in (
        ({}, {}),
        ({"client_id": CLIENT}, {"client_secret": "x"}),
        (whole, {}),
        ({"token_url": tokens}, {"client_secret": "x"}),
        (whole, {"token": "x"}),
    ):
        with pytest.raises(Invalid):
            TOOL.make(Access(key="ado", base_url=url, settings=settings, secrets=secrets), way)
    TOOL.make(Access(key="ado", base_url=url, settings=whole, secrets={"client_secret": "x"}), way)
    TOOL.make(Access(key="ado", base_url=url, settings={}, secrets={"token": "x"}), way)


async def test_entra_knows_its_tenant_and_its_grants(emulator: AzureDevOps, tokens: str) -> None:
    app = {"client_id": CLIENT, "client_secret": emulator.client_secret}
    async with httpx2.AsyncClient(trust_env=False) as client:
        for form, status, error in (
            ({**app, "grant_type": "password"}, 400, "unsupported_grant_type"),
            ({**app, "client_id": "other"}, 400, "unauthorized_client"),
        ):
            answer = await client.post(tokens, data=form)
            assert (answer.status_code, answer.json()["error"]) == (status, error)
        elsewhere = await client.post(tokens.replace(f"/{emulator.entra.tenant}/", "/contoso/"), data=app)
        assert elsewhere.json()["error_codes"] == [90002]
        said = (await client.post(tokens, data={**app, "grant_type": "client_credentials", "scope": SCOPE})).json()
    assert (said["token_type"], said["expires_in"], "refresh_token" in said) == ("Bearer", 3599, False)
