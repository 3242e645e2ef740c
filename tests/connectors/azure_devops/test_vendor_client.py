"""Microsoft's own client, azure-devops, works against the emulator: else nothing the emulator says would count."""

import asyncio
import gc
import importlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rallypoint.emulators.azure_devops import ENGINEER, INTEGRATION, PROJECT, AzureDevOps

# The client leaves its connections to the collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

Work = Callable[[Any, Any], Any]


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The client, with a cache of its own instead of the one in the home folder."""
    monkeypatch.setenv("AZURE_DEVOPS_CACHE_DIR", str(tmp_path))
    cache = importlib.import_module("azure.devops._file_cache")
    for one in (cache.OPTIONS_CACHE, cache.RESOURCE_CACHE):
        monkeypatch.setattr(one, "file_name", str(tmp_path / Path(one.file_name).name))
        monkeypatch.setattr(one, "data", {})
    return importlib.import_module("azure.devops.v7_1.work_item_tracking.models")


async def with_client(
    emulator: AzureDevOps, url: str, work: Work, mail: str = INTEGRATION, *, token: str | None = None
) -> Any:
    """Runs blocking work with (items client, hooks client) in a thread, the server staying on this loop."""

    def act() -> Any:
        connection = importlib.import_module("azure.devops.connection").Connection(
            base_url=url,
            creds=importlib.import_module("msrest.authentication").BasicAuthentication(
                "", emulator.tokens[mail] if token is None else token
            ),
        )
        clients = connection.clients_v7_1
        return work(clients.get_work_item_tracking_client(), clients.get_service_hooks_client())

    try:
        return await asyncio.to_thread(act)
    finally:
        with warnings.catch_warnings():
            # What it left is collected here, and not in some later test.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


def operation(models: Any, op: str, path: str, value: Any = None) -> Any:
    return models.JsonPatchOperation(op=op, path=path, value=value)


def opened(items: Any, models: Any, title: str = "Payments fail", **fields: Any) -> Any:
    document = [operation(models, "add", "/fields/System.Title", title)]
    document += [operation(models, "add", f"/fields/{name}", value) for name, value in fields.items()]
    return items.create_work_item(document=document, project=PROJECT, type="Bug", expand="relations")


async def test_create_get_and_update_on_the_revision(emulator: AzureDevOps, url: str, modules: Any) -> None:
    from azure.devops.exceptions import AzureDevOpsServiceError

    def work(items: Any, hooks: Any) -> None:
        made = opened(items, modules)
        assert (made.rev, made.fields["System.State"]) == (1, "New")
        again = items.get_work_item(made.id, expand="all")
        assert again.fields["System.CreatedBy"]["uniqueName"] == INTEGRATION
        moved = items.update_work_item(
            document=[
                operation(modules, "test", "/rev", 1),
                operation(modules, "add", "/fields/System.State", "Active"),
                operation(modules, "add", "/fields/System.AssignedTo", ENGINEER),
            ],
            id=made.id,
        )
        assert (moved.rev, moved.fields["System.Reason"]) == (2, "Approved")
        assert moved.fields["System.AssignedTo"]["displayName"] == "Noor Haddad"
        with pytest.raises(AzureDevOpsServiceError) as no:
            items.update_work_item(
                document=[
                    operation(modules, "test", "/rev", 1),
                    operation(modules, "add", "/fields/System.Title", "Late"),
                ],
                id=made.id,
            )
        assert no.value.type_key == "TestPatchOperationFailedException"
        assert items.get_work_item(made.id).fields["System.Title"] == "Payments fail"

    await with_client(emulator, url, work)


async def test_updates_revisions_and_batches(emulator: AzureDevOps, url: str, modules: Any) -> None:
    def work(items: Any, hooks: Any) -> None:
        made = opened(items, modules)
        other = opened(items, modules, "Cards fail")
        items.update_work_item(
            document=[operation(modules, "add", "/fields/System.Title", "Payments are slow")], id=made.id
        )
        updates = items.get_updates(made.id)
        assert [one.rev for one in updates] == [1, 2]
        changed = updates[1].fields["System.Title"]
        assert (changed.old_value, changed.new_value) == ("Payments fail", "Payments are slow")
        assert updates[1].revised_date.year == 9999
        assert updates[1].revised_by.unique_name == INTEGRATION
        assert [one.fields["System.Title"] for one in items.get_revisions(made.id)] == [
            "Payments fail", "Payments are slow",
        ]  # fmt: skip
        both = items.get_work_items([made.id, 999, other.id], error_policy="omit")
        assert [one and one.id for one in both] == [made.id, None, other.id]
        request = modules.WorkItemBatchGetRequest(ids=[other.id], fields=["System.Title"])
        assert items.get_work_items_batch(request)[0].fields == {"System.Title": "Cards fail"}

    await with_client(emulator, url, work)


def stream(items: Any, token: str = "") -> Any:
    """Its own class for this answer has no attributes, so that it reads nothing: the answer is read by its base."""
    asked = {"$maxPageSize": "2", **({"continuationToken": token} if token else {})}
    answer = items._send(
        http_method="GET",
        location_id="f828fe59-dd87-495d-a17c-7a8d6211ca6c",
        version="7.1-preview.2",
        route_values={"project": PROJECT},
        query_parameters=asked,
    )
    return items._deserialize("StreamedBatch", answer)


async def test_queries_and_the_stream_of_revisions(emulator: AzureDevOps, url: str, modules: Any) -> None:
    def work(items: Any, hooks: Any) -> None:
        for number in range(5):
            opened(items, modules, f"Fault {number}", **{"Microsoft.VSTS.Common.Priority": number % 2 + 1})
        query = modules.Wiql(
            query="SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = 'Payments' "
            "AND [Microsoft.VSTS.Common.Priority] = 2 ORDER BY [System.Id] DESC"
        )
        assert [one.id for one in items.query_by_wiql(query).work_items] == [4, 2]
        seen: list[int] = []
        page = stream(items)
        for _ in range(10):
            seen += [one["id"] for one in page.values]
            if page.is_last_batch:
                break
            page = stream(items, page.continuation_token)
        assert seen == [1, 2, 3, 4, 5]
        assert stream(items, page.continuation_token).values == []

    await with_client(emulator, url, work)


async def test_comments_are_added_changed_and_taken_back(emulator: AzureDevOps, url: str, modules: Any) -> None:
    def work(items: Any, hooks: Any) -> None:
        made = opened(items, modules)
        first = items.add_comment(modules.CommentCreate(text="<b>Looking</b>"), PROJECT, made.id)
        items.add_comment(modules.CommentCreate(text="Queue is full"), PROJECT, made.id)
        edited = items.update_comment(modules.CommentUpdate(text="Looking into it"), PROJECT, made.id, first.id)
        assert edited.version == 2
        listed = items.get_comments(PROJECT, made.id, order="asc")
        assert [one.text for one in listed.comments] == ["Looking into it", "Queue is full"]
        items.delete_comment(PROJECT, made.id, first.id)
        assert [one.text for one in items.get_comments(PROJECT, made.id).comments] == ["Queue is full"]
        gone = items.get_comments(PROJECT, made.id, include_deleted=True, order="asc").comments[0]
        assert gone.is_deleted
        assert items.get_work_item(made.id).rev == 5

    await with_client(emulator, url, work)


async def test_attachments_go_up_and_come_down(emulator: AzureDevOps, url: str, modules: Any, tmp_path: Path) -> None:
    (tmp_path / "log.bin").write_bytes(bytes(range(256)))

    def work(items: Any, hooks: Any) -> None:
        made = opened(items, modules)
        with (tmp_path / "log.bin").open("rb") as file:
            up = items.create_attachment(file, project=PROJECT, file_name="log.bin")
        value = {"rel": "AttachedFile", "url": up.url, "attributes": {"comment": "the log"}}
        items.update_work_item(document=[operation(modules, "add", "/relations/-", value)], id=made.id)
        [relation] = items.get_work_item(made.id, expand="relations").relations
        assert (relation.attributes["name"], relation.attributes["resourceSize"]) == ("log.bin", 256)
        assert b"".join(items.get_attachment_content(up.id, project=PROJECT)) == bytes(range(256))

    await with_client(emulator, url, work)


async def test_the_recycle_bin_gives_back(emulator: AzureDevOps, url: str, modules: Any) -> None:
    from azure.devops.exceptions import AzureDevOpsServiceError

    def work(items: Any, hooks: Any) -> None:
        made = opened(items, modules)
        items.delete_work_item(made.id, project=PROJECT)
        with pytest.raises(AzureDevOpsServiceError, match="TF401232"):
            items.get_work_item(made.id)
        assert items.get_deleted_work_item(made.id, project=PROJECT).name == "Payments fail"
        items.restore_work_item(modules.WorkItemDeleteUpdate(is_deleted=False), made.id, project=PROJECT)
        assert items.get_work_item(made.id).rev == 3

    await with_client(emulator, url, work)


async def test_types_states_and_rules(emulator: AzureDevOps, url: str, modules: Any) -> None:
    from azure.devops.exceptions import AzureDevOpsServiceError

    def work(items: Any, hooks: Any) -> None:
        assert [one.name for one in items.get_work_item_types(PROJECT)] == ["Bug", "Task"]
        states = items.get_work_item_type_states(PROJECT, "Bug")
        assert [(one.name, one.category) for one in states][-1] == ("Closed", "Completed")
        fields = items.get_work_item_type_fields_with_references(PROJECT, "Bug", expand="allowedValues")
        severity = next(one for one in fields if one.reference_name.endswith("Severity"))
        assert severity.always_required
        assert len(severity.allowed_values) == 4
        made = opened(items, modules)
        with pytest.raises(AzureDevOpsServiceError, match="TF401320: Rule Error for field State") as no:
            items.update_work_item(document=[operation(modules, "add", "/fields/System.State", "Nonsense")], id=made.id)
        assert no.value.type_key == "RuleValidationException"

    await with_client(emulator, url, work)


async def test_service_hooks_are_subscribed_and_read(emulator: AzureDevOps, url: str, modules: Any) -> None:
    models = importlib.import_module("azure.devops.v7_1.service_hooks.models")

    def work(items: Any, hooks: Any) -> None:
        made = hooks.create_subscription(
            models.Subscription(
                publisher_id="tfs",
                event_type="workitem.updated",
                resource_version="1.0",
                consumer_id="webHooks",
                consumer_action_id="httpRequest",
                publisher_inputs={"projectId": PROJECT},
                consumer_inputs={"url": "https://rp.example/in", "basicAuthPassword": "secret"},
            )
        )
        assert made.status == "enabled"
        assert hooks.get_subscription(made.id).consumer_inputs["basicAuthPassword"] == "********"
        assert [one.id for one in hooks.list_subscriptions()] == [made.id]
        hooks.delete_subscription(made.id)
        assert hooks.list_subscriptions() == []

    await with_client(emulator, url, work)


async def test_a_wrong_token(emulator: AzureDevOps, url: str, modules: Any) -> None:
    from azure.devops.exceptions import AzureDevOpsServiceError

    def work(items: Any, hooks: Any) -> None:
        items.get_work_item(1)

    with pytest.raises(AzureDevOpsServiceError, match="TF400813"):
        await with_client(emulator, url, work, token="wrong")
