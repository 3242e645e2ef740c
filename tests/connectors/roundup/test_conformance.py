"""The connector for Roundup under the conformance kit, against the real program."""

import pytest

from rallypoint.sync.ports import ValidationFailed
from tests.connectors.kit import Bench, TrackerConformance, upload


class TestRoundup(TrackerConformance):
    async def test_files_arrive_byte_by_byte(self, bench: Bench) -> None:
        """As the kit has it, but for the file without content: Roundup answers 405 and keeps half a file."""
        made = await self.made(bench)
        bodies = [bytes(range(256)) * 40, bytes(range(256)) * 10_000, b"another of the same name"]
        names = ["log.bin", "größer 🔥.bin", "log.bin"]
        ids = [
            await bench.tracker.attach(made.remote_id, upload(name, body), f"op-{place}")
            for place, (name, body) in enumerate(zip(names, bodies, strict=True))
        ]
        assert len(set(ids)) == len(ids)
        listed = {one.id: one for one in (await self.read(bench, made.remote_id)).attachments}
        assert [listed[id].name for id in ids] == names
        for id, body in zip(ids, bodies, strict=True):
            assert b"".join([chunk async for chunk in bench.tracker.download(made.remote_id, id)]) == body
        with pytest.raises(ValidationFailed):
            await bench.tracker.attach(made.remote_id, upload("empty.txt", b""), "op-9")
        assert len((await self.read(bench, made.remote_id)).attachments) == len(ids)
