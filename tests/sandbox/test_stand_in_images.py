"""Stand-in images: an archive in the OCI format with the names that the stack uses, built once."""

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from airflow_stack.settings.images import Images
from sandbox import SandboxError, debian, oci, stand_in_images, toolchain
from sandbox.image_programs import oci_images
from sandbox.step_progress import StepProgress

_SETTINGS = Images(registry="localhost/stand-in")


def _nothing() -> None: ...


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file tree with each type of file."""
    root = tmp_path / "tree"
    (root / "usr" / "bin").mkdir(parents=True)
    (root / "bin").symlink_to("usr/bin")
    program = root / "usr" / "bin" / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o4755)
    (root / "usr" / "bin" / "same").hardlink_to(program)
    (root / "usr" / "bin" / ("long" * 40)).write_text("its name is too long for the old tar format")
    (root / "node").mkdir()
    (root / "node" / "containerd").write_text("only for the node")
    for path in (program, *root.rglob("*")):
        os.utime(path, (1.5, 1_700_000_000.75), follow_symlinks=False)
    return root


@pytest.fixture
def archive(folder: Path) -> Path:
    """An archive of two images that share a layer."""
    return _written(folder, folder.with_name("images.tar"))


def _written(folder: Path, archive: Path) -> Path:
    layers = {"base": oci.OciLayer(folder, frozenset({folder / "node"})), "more": oci.OciLayer(folder / "usr")}
    both = [
        oci.OciImage("localhost/a:1", ("base",), {}),
        oci.OciImage("localhost/b:1", ("base", "more"), {"User": "999"}),
    ]
    oci.write(archive, layers, both, _nothing)
    return archive


def _content(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {info.name: file.read() for info in tar if (file := tar.extractfile(info))}


def _blob(content: dict[str, bytes], described_by: dict[str, Any]) -> bytes:
    data = content["blobs/" + described_by["digest"].replace(":", "/")]
    assert len(data) == described_by["size"]
    return data


def test_each_blob_is_named_by_its_digest(archive: Path) -> None:
    content = _content(archive)
    blobs = {name: data for name, data in content.items() if name.startswith("blobs/sha256/")}
    assert len(blobs) == 2 * 2 + 2, "a manifest and a configuration per image, and each layer once"
    for name, data in blobs.items():
        assert hashlib.sha256(data).hexdigest() == Path(name).name
    assert json.loads(content["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}


def test_the_index_lists_each_image_with_its_layers(archive: Path) -> None:
    content = _content(archive)
    found = {}
    for entry in json.loads(content["index.json"])["manifests"]:
        manifest = json.loads(_blob(content, entry))
        config = json.loads(_blob(content, manifest["config"]))
        assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]
        for layer in manifest["layers"]:
            _blob(content, layer)
        found[entry["annotations"]["io.containerd.image.name"]] = (len(manifest["layers"]), config["config"])
    assert found == {"localhost/a:1": (1, {}), "localhost/b:1": (2, {"User": "999"})}


def test_a_layer_has_the_content_of_the_folder_except_excluded_paths(archive: Path) -> None:
    content = _content(archive)
    manifest = json.loads(_blob(content, json.loads(content["index.json"])["manifests"][0]))
    with tarfile.open(fileobj=io.BytesIO(_blob(content, manifest["layers"][0]))) as layer:
        files = {info.name: info for info in layer}
    long = "usr/bin/" + "long" * 40
    assert set(files) == {"bin", "usr", "usr/bin", long, "usr/bin/program", "usr/bin/same"}
    assert files["bin"].linkname == "usr/bin"
    assert files["usr/bin/same"].islnk()
    assert files["usr/bin/program"].mode == 0o4755
    assert {info.mtime for info in files.values()} == {1_700_000_000}, (
        "rounded like the timestamps in Python's .pyc files"
    )
    assert {info.uname for info in files.values()} == {""}, "user names of this machine do not matter"


def test_the_same_folders_produce_the_same_bytes(archive: Path, folder: Path) -> None:
    assert archive.read_bytes() == _written(folder, folder.with_name("again.tar")).read_bytes()


def test_each_image_of_a_stack_has_a_labelled_stand_in() -> None:
    made = list(oci_images(_SETTINGS))
    stacks = {getattr(_SETTINGS, field) for field in ("airflow", "git_sync", "statsd", "redis", "postgres")}
    assert {image.name for image in made} == {*(_SETTINGS.reference(image) for image in stacks), stand_in_images.PAUSE}
    for image in made:
        labels = image.config["Labels"]
        assert isinstance(labels, dict)
        assert labels["org.opencontainers.image.title"].startswith("stand-in for ")


def test_only_a_tested_version_is_resolved_at_its_release_date() -> None:
    assert stand_in_images._requirements("3.2.2")[:2] == ["--exclude-newer", "2026-06-10T00:00:00Z"]
    assert stand_in_images._requirements("3.1.0")[0].endswith("]==3.1.0")


def test_images_of_another_tested_version_stay_for_upgrades(tmp_path: Path) -> None:
    for name in ("stand-ins-3.2.2-a.tar", "stand-ins-3.3.2-old.tar", "stand-ins-3.0.0-a.tar", "stand-ins-abc.tar"):
        (tmp_path / name).touch()
    (tmp_path / ".killed").mkdir()
    stand_in_images._make_room(tmp_path, "stand-ins", "3.3.2")
    assert [path.name for path in tmp_path.iterdir()] == ["stand-ins-3.2.2-a.tar"]


def test_cached_images_are_not_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(stand_in_images.remaining_steps(tmp_path, _SETTINGS)) == ["Debian", "Airflow", "images"]
    archive = stand_in_images._archive(tmp_path, _SETTINGS)
    archive.parent.mkdir(parents=True)
    archive.touch()
    monkeypatch.setattr(toolchain, "run", lambda *_: pytest.fail("unexpected command"))
    assert stand_in_images.remaining_steps(tmp_path, _SETTINGS) == {}
    assert stand_in_images.ensure_archive(tmp_path, _SETTINGS, StepProgress({})) == archive


def test_a_change_of_the_settings_builds_other_images(tmp_path: Path) -> None:
    other = Images(registry="localhost/stand-in", airflow=_SETTINGS.airflow.model_copy(update={"tag": "3.1.0"}))
    assert stand_in_images._archive(tmp_path, other) != stand_in_images._archive(tmp_path, _SETTINGS)


def test_a_failed_debootstrap_shows_its_log_and_requirements_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_command: list[str], _cwd: Path, _env: dict[str, str], log: Path, _shown: StepProgress) -> None:
        log.write_text("E: Couldn't download dists/bookworm/main\n")
        raise SandboxError.from_log("`unshare --mount` failed", log)

    monkeypatch.setattr("shutil.which", lambda *_, **__: "/usr/sbin/debootstrap")
    monkeypatch.setattr(toolchain, "run", fail)
    (tmp_path / "node" / ".killed").mkdir(parents=True)
    (tmp_path / "node" / "debian-bookworm-old").mkdir()
    with pytest.raises(SandboxError, match=r"(?s)debootstrap failed.*Debian mirror.*Couldn't download"):
        debian.ensure_tree(tmp_path, StepProgress(debian.BUILD_SECONDS))
    assert list((tmp_path / "node").iterdir()) == []


def test_without_debootstrap_its_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(SandboxError, match="Install the package debootstrap"):
        debian.ensure_tree(tmp_path, StepProgress(debian.BUILD_SECONDS))


def test_users_of_the_images_have_the_ids_of_the_official_images(tmp_path: Path) -> None:
    passwd = tmp_path / "passwd"
    passwd.write_text("root:x:0:0:root:/root:/bin/bash\nredis:x:104:107::/var/lib/redis:/usr/sbin/nologin\n")
    debian._name_users(passwd, debian._USERS)
    numbers = [tuple(line.split(":")[:4:2]) for line in passwd.read_text().splitlines()]
    assert numbers == [
        ("root", "0"),
        ("airflow", "50000"),
        ("git-sync", "65533"),
        ("postgres", "999"),
        ("redis", "999"),
    ]


def test_a_script_starts_with_the_python_of_the_image(tmp_path: Path) -> None:
    script = tmp_path / "airflow"
    script.write_text("#!/somewhere/.venv/bin/python\nmain()\n")
    stand_in_images._set_interpreter(script, "/usr/bin/python3.11")
    assert script.read_text() == "#!/usr/bin/python3.11\nmain()\n"
