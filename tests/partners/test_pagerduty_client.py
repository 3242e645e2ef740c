"""PagerDuty's own Python client, with nothing changed but its address and its key; it insists on TLS, and checks it."""

import itertools
import ssl
from collections.abc import Callable, Iterator

import pytest
from pagerduty import EventsApiV2Client, HttpError

from tests.live import until
from tests.partners.conftest import Place
from tests.partners.tls import behind_tls

Connect = Callable[[str], EventsApiV2Client]
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def secure(place: Place) -> Iterator[tuple[str, ssl.SSLContext]]:
    with behind_tls(place.live.port) as found:
        yield found


@pytest.fixture
def connect(secure: tuple[str, ssl.SSLContext]) -> Iterator[Connect]:
    """The client for a routing key."""
    address, trusted = secure
    made: list[EventsApiV2Client] = []

    def open_one(key: str) -> EventsApiV2Client:
        made.append(EventsApiV2Client(key, base_url=address, verify=trusted, trust_env=False))
        return made[-1]

    yield open_one
    for one in made:
        one.close()


@pytest.fixture
def client(place: Place, connect: Connect) -> EventsApiV2Client:
    return connect(place.new_key("pagerduty", f"PagerDuty's client {next(NUMBERS)}"))


def alert(place: Place, dedup_key: str) -> dict[str, object]:
    [found] = [a for a in place.live.everything("/alerts") if a["dedup_key"] == dedup_key]
    return {name: found[name] for name in ("status", "count", "severity", "summary", "source", "labels", "links")}


def test_trigger_acknowledge_resolve(place: Place, client: EventsApiV2Client) -> None:
    for _ in range(2):
        said = client.trigger(
            "DISK at 99% – voll", "db-1", dedup_key="srv/disk", severity="error",
            payload={"component": "mysql", "class": "disk", "timestamp": "2026-06-01T07:58:30.123+0000"},
            custom_details={"service": "shop", "free": "1%"}, links=[{"href": "https://dash.example.org", "text": "x"}],
        )  # fmt: skip
        assert said == "srv/disk"
    assert alert(place, "srv/disk") == {
        "status": "firing", "count": 2, "severity": "error", "summary": "DISK at 99% – voll", "source": "db-1",
        "labels": {"component": "mysql", "class": "disk"}, "links": ["https://dash.example.org"],
    }  # fmt: skip
    incidents = until(
        lambda: [i for i in place.live.everything("/incidents") if "DISK at 99%" in i["title"]],
        within=20, what="the incident",
    )  # fmt: skip
    number = incidents[0]["number"]
    assert len(place.paged(number)) == 1

    assert client.acknowledge("srv/disk") == "srv/disk"
    assert alert(place, "srv/disk")["status"] == "acknowledged"
    until(lambda: place.live.get(f"/incidents/{number}")["acknowledged_at"], within=20, what="the acknowledgement")

    assert client.resolve("srv/disk") == "srv/disk"
    assert alert(place, "srv/disk")["status"] == "resolved"
    until(lambda: _category(place, number) == "restored", within=20, what="the incident restored")


def _category(place: Place, number: int) -> str:
    return str(place.live.get(f"/incidents/{number}")["status_category"])


def test_a_key_is_made_where_none_was_given_and_what_is_unknown_is_no_error(client: EventsApiV2Client) -> None:
    made = client.trigger("Once", "laptop", severity="info")
    assert made
    assert made != client.trigger("Once", "laptop", severity="info")
    assert client.resolve("never heard of") == "never heard of"


def test_the_client_tells_the_reason_of_a_refusal(connect: Connect, client: EventsApiV2Client) -> None:
    with pytest.raises(HttpError) as refused:
        client.trigger("x", "laptop", severity="purple")
    assert refused.value.response.status_code == 400
    assert "'payload.severity' is invalid" in refused.value.response.json()["errors"][0]
    with pytest.raises(HttpError) as refused:
        connect("x" * 32).trigger("x", "laptop")
    assert refused.value.response.json()["errors"] == ["Invalid routing key"]
