"""Packs folders into one OCI archive with several images that share layers.

Writes uncompressed layers straight into the archive, in one pass. The same folders produce the same bytes.
"""

import hashlib
import io
import json
import os
import platform
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_BLOCK = 512  # of a tar file
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"

type_of_machine = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class OciLayer:
    """Layer with the content of a folder, except some paths."""

    folder: Path
    without: frozenset[Path] = frozenset()


@dataclass(frozen=True)
class OciImage:
    """Image with its full name and the `config` of the OCI image format."""

    name: str
    layers: tuple[str, ...]
    config: Mapping[str, object]


def write(archive: Path, layers: Mapping[str, OciLayer], images: Sequence[OciImage], tick: Callable[[], None]) -> None:
    """Write the archive. Calls `tick` every 500 files."""
    with archive.open("w+b") as file:
        blobs = {name: _add_layer(file, layer, tick) for name, layer in layers.items()}
        manifests = [_add_image(file, image, blobs) for image in images]
        index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": manifests}
        _add(file, "index.json", _json(index))
        _add(file, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        file.write(bytes(2 * _BLOCK))


def _add_image(file: BinaryIO, image: OciImage, blobs: Mapping[str, dict[str, object]]) -> dict[str, object]:
    layers = [blobs[name] for name in image.layers]
    target = {"architecture": type_of_machine[platform.machine()], "os": "linux"}
    root = {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]}
    config = _add_blob(file, _CONFIG, {**target, "config": image.config, "rootfs": root})
    manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": layers}
    names = {"io.containerd.image.name": image.name, "org.opencontainers.image.ref.name": image.name}
    return {**_add_blob(file, _MANIFEST, manifest), "platform": target, "annotations": names}


def _add_blob(file: BinaryIO, media_type: str, content: dict[str, object]) -> dict[str, object]:
    data = _json(content)
    digest = hashlib.sha256(data).hexdigest()
    _add(file, f"blobs/sha256/{digest}", data)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}


def _json(content: object) -> bytes:
    return json.dumps(content, sort_keys=True).encode()


def _add(file: BinaryIO, name: str, data: bytes) -> None:
    file.write(_header(name, len(data)) + data + bytes(-len(data) % _BLOCK))


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.USTAR_FORMAT)


def _add_layer(file: BinaryIO, layer: OciLayer, tick: Callable[[], None]) -> dict[str, object]:
    """Add a layer. Its file name is its digest, so the header is written last."""
    start = file.tell()
    file.seek(start + _BLOCK)
    hashed = _Hashed(file)
    with tarfile.open(fileobj=hashed, mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 20) as tar:
        for number, path in enumerate(_paths(layer.folder, layer.without)):
            if number % 500 == 0:
                tick()
            _add_file(tar, path, str(path.relative_to(layer.folder)))
    end, digest = file.tell(), hashed.digest.hexdigest()
    size = end - start - _BLOCK
    file.write(bytes(-size % _BLOCK))
    end = file.tell()
    file.seek(start)
    file.write(_header(f"blobs/sha256/{digest}", size))
    file.seek(end)
    return {"mediaType": _LAYER, "digest": f"sha256:{digest}", "size": size}


class _Hashed(io.RawIOBase):
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:  # type: ignore[override]  # tarfile writes only bytes
        self.digest.update(data)
        return self._file.write(data)


def _paths(folder: Path, without: frozenset[Path]) -> Iterator[Path]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path = Path(entry.path)
        if path in without:
            continue
        yield path
        if entry.is_dir(follow_symlinks=False):
            yield from _paths(path, without)


def _add_file(tar: tarfile.TarFile, path: Path, name: str) -> None:
    info = tar.gettarinfo(path, name)
    info.mtime = int(info.mtime)
    info.uname = info.gname = ""
    if info.isreg():
        with path.open("rb") as content:
            tar.addfile(info, content)
    else:
        tar.addfile(info)
