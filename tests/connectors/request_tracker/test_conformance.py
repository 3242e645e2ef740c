"""The connector for Request Tracker under the conformance kit, against the real program."""

import pytest

from rallypoint.sync.ports import PermissionDenied, ValidationFailed
from tests.connectors.kit import Bench, TrackerConformance, upload


class TestRequestTracker(TrackerConformance):
    async def test_what_we_may_not_is_a_matter_of_permission(self, bench: Bench) -> None:
        """As the kit has it, but for the status: Request Tracker answers 200 and says no in a sentence."""
        made = await self.made(bench)
        before = await self.read(bench, made.remote_id)
        await bench.forbid_writing()
        with pytest.raises(PermissionDenied) as no:
            await bench.tracker.write(made.remote_id, {bench.title: "x"}, before.revision, "op-2")
        assert not no.value.retry
        assert "ModifyTicket" in no.value.help
        assert no.value.exchange is not None
        assert (no.value.exchange.status, "Permission Denied" in no.value.exchange.response) == (200, True)
        assert (await self.read(bench, made.remote_id)).raw(bench.title) == "Payments fail"

    async def test_files_arrive_byte_by_byte(self, bench: Bench) -> None:
        """As the kit has it, but for the file without content, which it does not take; and texts are not recoded."""
        made = await self.made(bench)
        every = bytes(range(256))
        bodies = [every * 40, "größer\r\n".encode("utf-16"), every * 10_000, b"another of the same name"]
        names = ["log.bin", "größer 🔥.txt", "a.png", "log.bin"]
        kinds = ["", "text/plain", "image/png", "message/rfc822"]
        ids = [
            await bench.tracker.attach(made.remote_id, upload(name, body, kind), f"op-{place}")
            for place, (name, body, kind) in enumerate(zip(names, bodies, kinds, strict=True))
        ]
        assert len(set(ids)) == len(ids)
        item = await self.read(bench, made.remote_id)
        listed = {one.id: one for one in item.attachments}
        assert [listed[id].name for id in ids] == names
        assert [(listed[id].size, listed[id].op) for id in ids] == [
            (len(body), f"op-{place}") for place, body in enumerate(bodies)
        ]
        for id, body in zip(ids, bodies, strict=True):
            assert b"".join([chunk async for chunk in bench.tracker.download(made.remote_id, id)]) == body
        with pytest.raises(ValidationFailed):
            await bench.tracker.attach(made.remote_id, upload("empty.txt", b""), "op-9")
        assert item.comments == ()
        assert len((await self.read(bench, made.remote_id)).attachments) == len(ids)
