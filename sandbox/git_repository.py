"""DAG repository for stacks without one: this project's `dags/`, which `git_server` serves to the cluster.

Pods read it like a team's repository, with a deploy key and a pinned host key. The user pushes by path:
`git push .state/git/dags.git HEAD:main`. The user's checkout is never changed.
"""

import io
import os
import shutil
import subprocess
import tarfile
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from airflow_stack.git.url import GitUrl
from sandbox import SandboxError

USER = "git"
REPOSITORY, HOST_KEY, _DEPLOY_KEY = "dags.git", "host_key", "deploy_key"
# The only configuration of git here. Root may read another user's checkout, and clients may fetch a commit that a push has just
# replaced.
_CONFIGURATION = """\
[safe]
	directory = *
[user]
	name = airflow-stack
	email = airflow-stack@localhost
[uploadpack]
	allowAnySHA1InWant = true
"""


def prepare(home: Path, project: Path) -> None:
    """Create keys and repository in `home`. Existing ones stay, since the user may have pushed to them.

    The branches `main` and `release`, which the stacks follow, start at HEAD of the project's checkout. Uncommitted changes are not served.
    A project without a git repository, such as a downloaded archive, gets one commit with its `dags/`. To change those, clone the
    repository by its path.

    Raises:
        SandboxError: git is missing or failed.
    """
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    (home / ".gitconfig").write_text(_CONFIGURATION)
    for name in (HOST_KEY, _DEPLOY_KEY):
        if not (home / name).exists():
            _make_key(home / name)
    if not (home / REPOSITORY).exists():
        new = home / "new.git"
        shutil.rmtree(new, ignore_errors=True)  # left by a killed `prepare`
        _make_repository(home, new, project.resolve())
        new.rename(home / REPOSITORY)


def url(host: str, port: int) -> str:
    """URL of the repository for pods."""
    return f"ssh://{USER}@{host}:{port}/{REPOSITORY}"


def known_hosts(home: Path, host: str, port: int) -> str:
    """Line of known_hosts with the server's host key."""
    return f"{GitUrl.parse(url(host, port)).host_and_port} {_public(home / HOST_KEY)}\n"


def deploy_key(home: Path) -> str:
    """Private key of the pods."""
    return (home / _DEPLOY_KEY).read_text()


def public_key(home: Path) -> str:
    """Public key of the deploy key."""
    return _public(home / _DEPLOY_KEY)


def extract(home: Path, ref: str, target: Path) -> None:
    """Write the files of a branch into a folder."""
    words = ["git", f"--git-dir={home / REPOSITORY}", "archive", ref]
    archive = subprocess.run(words, env=environment(home), capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(target, filter="data")


def new_private_key() -> str:
    """A new SSH key in OpenSSH format."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def _public(file: Path) -> str:
    key = load_ssh_private_key(file.read_bytes(), None).public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _make_key(file: Path) -> None:
    new = file.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(new_private_key())
    new.rename(file)


def _make_repository(home: Path, new: Path, project: Path) -> None:
    git = partial(_git, home, project)
    git("init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(new))
    inside = partial(git, f"--git-dir={new}")
    inside("config", "receive.shallowUpdate", "true")  # accepts pushes from a shallow clone
    if git("-C", str(project), "rev-parse", "--quiet", "--verify", "HEAD^{commit}", check=False):
        inside("fetch", "--quiet", "--no-tags", "--update-shallow", str(project), "HEAD:refs/heads/main")
    else:
        inside(f"--work-tree={project}", "add", "--", "dags")
        inside(f"--work-tree={project}", "commit", "--quiet", "--message", "The DAGs of this project")
    inside("branch", "release", "main")
    if os.geteuid() == 0:  # the owner of the checkout must be able to push
        owner = project.stat()
        for path in (new, *new.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)


def _git(home: Path, project: Path, *arguments: str, check: bool = True) -> bool:
    """Run git. Returns whether it succeeded."""
    # Without the ceiling, git would use a repository around the project.
    env = environment(home) | {"GIT_CEILING_DIRECTORIES": str(project.parent)}
    try:
        done = subprocess.run(["git", *arguments], env=env, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SandboxError(
            "git is not installed, and serves this project's dags/. Install it (Debian: apt install git)"
        ) from None
    if check and done.returncode:
        raise SandboxError(f"git could not create the DAG repository: {done.stderr.strip()}")
    return done.returncode == 0


def environment(home: Path) -> dict[str, str]:
    """Environment variables of git."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home.resolve()), "GIT_CONFIG_NOSYSTEM": "1"}
