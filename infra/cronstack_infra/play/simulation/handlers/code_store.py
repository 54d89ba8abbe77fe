"""The code of a cloud's functions: unpacked once for each content, combined with the function's layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from cronstack_infra.local.executor.code import CodeFolders
from cronstack_infra.local.executor.environment import Folders, search_path
from cronstack_infra.local.executor.values import DeployedFunction
from cronstack_infra.play.simulation.handlers.code import UnpackedAsset


class CodeStore:
    """Code by Lambda's CodeSha256."""

    def __init__(self, workplace: Path, root: str, adopt: Callable[[frozenset[str]], None]) -> None:
        """root: the folder that tracebacks show. adopt: called with the other deployed packages."""
        self._workplace, self._root, self._adopt = workplace, root, adopt
        self._layers = CodeFolders(workplace / "layers")
        self._by_hash: dict[str, UnpackedAsset] = {}

    def add(self, deployed: Mapping[str, UnpackedAsset]) -> None:
        """Use these folders instead of unpacking the code."""
        self._by_hash.update(deployed)

    def of(self, function: DeployedFunction) -> UnpackedAsset:
        if function.code_sha256 not in self._by_hash:
            folder = self._workplace / str(len(self._by_hash))
            self._by_hash[function.code_sha256] = UnpackedAsset.unpack(function.code, folder, self._root)
        deployed = self._by_hash[function.code_sha256]
        if function.layers:
            deployed = deployed.on(self._layers.opt(function.layers))
        own = function.handler.partition(".")[0]
        self._adopt(deployed.packages(own, search_path(function, Folders())))
        return deployed
