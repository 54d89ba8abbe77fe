"""The SDK's documents are shared inside a block, and read as usual afterwards."""

from __future__ import annotations

from pathlib import Path

from botocore.loaders import JSONFileLoader

from cronstack_infra.local.moto.documents import parsed_once


def test_a_document_is_parsed_once_while_documents_are_shared(tmp_path: Path) -> None:
    (tmp_path / "endpoints.json").write_text('{"version": 3}')
    path, before = str(tmp_path / "endpoints"), JSONFileLoader.load_file
    with parsed_once():
        assert JSONFileLoader().load_file(str(tmp_path / "model")) is None
        first = JSONFileLoader().load_file(path)
        assert first == {"version": 3}
        assert JSONFileLoader().load_file(path) is first
        (tmp_path / "model.json").write_text("{}")
        assert JSONFileLoader().load_file(str(tmp_path / "model")) == {}, "a missing document is not cached"
    assert JSONFileLoader.load_file is before
