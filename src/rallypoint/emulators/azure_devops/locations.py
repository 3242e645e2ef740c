"""Where each resource is found: what the vendor's clients ask for first."""

from typing import Any

_ITEM = "{project}/_apis/{area}/workItems"
_KIND = "{project}/_apis/{area}/workItemTypes/{type}"

_WIT: tuple[tuple[str, str, str, int], ...] = (
    ("e07b5fa4-1499-494d-a496-64b860fd64ff", "attachments", "{project}/_apis/{area}/{resource}/{id}", 3),
    ("608aac0a-32e1-4493-a863-b9cf4566d257", "comments", _ITEM + "/{workItemId}/{resource}/{commentId}", 4),
    ("b51fd764-e5c2-4b9b-aaf7-3395cf4bdd94", "fields", "{project}/_apis/{area}/{resource}/{fieldNameOrRefName}", 3),
    ("b70d8d39-926c-465e-b927-b1bf0e5ca0e0", "recyclebin", "{project}/_apis/{area}/{resource}/{id}", 2),
    ("a00c85a5-80fa-4565-99c3-bcd2181434bb", "revisions", _ITEM + "/{id}/{resource}/{revisionNumber}", 3),
    ("6570bf97-d02c-4a91-8d93-3abe9895b1a9", "updates", _ITEM + "/{id}/{resource}/{updateNumber}", 3),
    ("1a9c53f7-f243-4447-b110-35ef023636e4", "wiql", "{project}/{team}/_apis/{area}/{resource}", 2),
    ("f828fe59-dd87-495d-a17c-7a8d6211ca6c", "workItemRevisions", "{project}/_apis/{area}/reporting/{resource}", 2),
    ("72c7ddf8-2cdc-4f60-90cd-ab71c14a399b", "workItems", "{project}/_apis/{area}/{resource}/{id}", 3),
    ("62d3d110-0047-428c-ad3c-4fe872c91c74", "workItems", "{project}/_apis/{area}/{resource}/${type}", 3),
    ("908509b6-4248-4475-a1cd-829139ba419f", "workItemsBatch", "{project}/_apis/{area}/{resource}", 1),
    ("7c8d7a76-4a09-43e8-b5df-bd792f4ac6aa", "workItemTypes", "{project}/_apis/{area}/{resource}/{type}", 2),
    ("bd293ce5-3d25-4192-8e67-e8092e879efb", "workItemTypesField", _KIND + "/fields/{field}", 3),
    ("7c9d7a76-4a09-43e8-b5df-bd792f4ac6aa", "workItemTypeStates", _KIND + "/states", 1),
)  # fmt: skip
_HOOKS: tuple[tuple[str, str, str, int], ...] = (
    ("fc50d02a-849f-41fb-8af1-0a5216103269", "subscriptions", "_apis/{area}/{resource}/{subscriptionId}", 1),
    ("0c62d343-21b0-4732-997b-017fde84dc28", "notifications", 
     "_apis/{area}/subscriptions/{subscriptionId}/{resource}/{notificationId}", 1),
)  # fmt: skip
_AREAS = (("e81700f7-3be2-46de-8624-2eb35882fcaa", "resourceAreas", "_apis/{resource}/{areaId}", 1),)
_CORE = (("603fe2ac-9723-48b9-88ad-09305aa6c6e1", "projects", "_apis/{resource}/{*projectId}", 4),)
WIT_AREA = "5264459e-e5e0-4bd8-b118-0985e68a4ec5"


def locations() -> list[dict[str, Any]]:
    areas = (("wit", _WIT), ("hooks", _HOOKS), ("Location", _AREAS), ("core", _CORE))
    return [
        {
            "id": id,
            "area": area,
            "resourceName": name,
            "routeTemplate": template,
            "resourceVersion": version,
            "minVersion": "1.0",
            "maxVersion": "7.2",
            "releasedVersion": "7.1",
        }
        for area, rows in areas
        for id, name, template, version in rows
    ]
