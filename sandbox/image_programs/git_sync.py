#!/usr/bin/python3 -I
"""Stand-in for git-sync 4: keeps the tree of one git ref at ROOT/LINK, configured by the variables of the Airflow chart.

Like git-sync, it creates a work tree per commit below ROOT/.worktrees and publishes it by replacing the link. The first name of a variable
wins. It has no submodules, hooks, webhooks, metrics or command line arguments.
"""

import http.server
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION = r"(\d+\.?\d*|\.\d+)(h|ms|m|s|us|µs|ns)"
_GIT_SECONDS = 120  # git-sync's default timeout of a sync


def main() -> None:
    """Sync periodically, or once. Exit after too many consecutive failures."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the first process of a container ignores it by default
    repository = _variable("GITSYNC_REPO", "GIT_SYNC_REPO") or _fatal("GITSYNC_REPO must be specified")
    root = Path(_variable("GITSYNC_ROOT", "GIT_SYNC_ROOT") or _fatal("GITSYNC_ROOT must be specified"))
    link = root / (_variable("GITSYNC_LINK", "GIT_SYNC_DEST") or repository.rstrip("/").rpartition("/")[2])
    ref, period = _ref(), _period()
    once = _variable("GITSYNC_ONE_TIME", "GIT_SYNC_ONE_TIME") == "true"
    most = _number("GITSYNC_MAX_FAILURES", "GIT_SYNC_MAX_SYNC_FAILURES", default=0)
    depth = _number("GITSYNC_DEPTH", "GIT_SYNC_DEPTH", default=1)
    synced = threading.Event()
    if address := _variable("GITSYNC_HTTP_BIND", "GIT_SYNC_HTTP_BIND"):
        _serve(address, synced)
    failures = 0
    while True:
        try:
            _sync(repository, root, link, ref, depth)
        except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
            failures += 1
            if 0 <= most <= failures:
                _log("too many failures, aborting", error=str(error), failCount=failures)
                sys.exit(1)
            _log("error syncing repo, will retry", error=str(error), failCount=failures)
        else:
            failures = 0
            synced.set()
            if once:
                return
            if _is_hash(ref):
                _log("ref appears to be a git hash, no further sync needed", ref=ref)
                signal.pause()
        time.sleep(period)


def _variable(*names: str) -> str:
    return next((value for name in names if (value := os.environ.get(name))), "")


def _number(*names: str, default: int) -> int:
    text = _variable(*names)
    try:
        return int(text or default)
    except ValueError:
        _fatal(f"{names[0]} must be a whole number, not {text!r}")


def _ref() -> str:
    """Ref to sync. As in git-sync, the branch variable of version 3 wins."""
    branch, rev = _variable("GIT_SYNC_BRANCH"), _variable("GIT_SYNC_REV")
    if branch and rev not in ("", "HEAD"):
        _fatal("can't set both GIT_SYNC_BRANCH and GIT_SYNC_REV")
    return branch or rev or _variable("GITSYNC_REF") or "HEAD"


def _period() -> float:
    if wait := _variable("GIT_SYNC_WAIT"):
        return (
            float(wait)
            if re.fullmatch(r"\d+(\.\d+)?", wait)
            else _fatal(f"GIT_SYNC_WAIT must be seconds, not {wait!r}")
        )
    period = _variable("GITSYNC_PERIOD") or "10s"
    if not re.fullmatch(f"0|({_DURATION})+", period):
        _fatal(f"GITSYNC_PERIOD must be a duration such as 1m30s, not {period!r}")
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(_DURATION, period))


def _is_hash(ref: str) -> bool:
    return re.fullmatch("[0-9a-f]{40}", ref) is not None


def _sync(repository: str, root: Path, link: Path, ref: str, depth: int) -> None:
    """Point the link at the current commit of the ref."""
    root.mkdir(parents=True, exist_ok=True)
    if not (root / ".git").exists():
        _git(root, "init", "--quiet", "--initial-branch=git-sync")
    published = link.resolve().name if link.is_symlink() and link.exists() else ""
    if published and _remote_commit(root, repository, ref) == published:
        return
    depth_arguments = [f"--depth={depth}"] if depth > 0 else []
    _git(root, "fetch", "--quiet", "--no-auto-gc", "--no-tags", *depth_arguments, repository, ref)
    commit = _git(root, "rev-parse", "FETCH_HEAD^{commit}")
    trees = root / ".worktrees"
    if commit != published:
        # An unpublished work tree may be incomplete, left by a killed sync.
        shutil.rmtree(trees / commit, ignore_errors=True)
        _git(root, "worktree", "prune")
        _git(root, "worktree", "add", "--quiet", "--force", "--detach", str(trees / commit), commit)
        _publish(link, trees / commit)
        _log("updated successfully", ref=ref, remote=commit, previous=published)
    for tree in trees.iterdir():
        if tree.name != commit:
            shutil.rmtree(tree, ignore_errors=True)
    _git(root, "worktree", "prune")
    _git(root, "reflog", "expire", "--expire-unreachable=all", "--all")
    _git(root, "-c", "gc.autoDetach=false", "gc", "--quiet", "--auto", "--prune=now")


def _remote_commit(root: Path, repository: str, ref: str) -> str:
    """Commit of the ref on the remote, without a fetch. Empty if `ls-remote` does not list the ref."""
    if _is_hash(ref):
        return ref
    lines = _git(root, "ls-remote", "--quiet", repository, ref, f"{ref}^{{}}").splitlines()
    hashes = {name: commit for commit, name in (line.split("\t") for line in lines)}
    names = (f"{prefix}{ref}" for prefix in ("", "refs/", "refs/tags/", "refs/heads/"))
    return next((hashes.get(f"{name}^{{}}", hashes[name]) for name in names if name in hashes), "")


def _publish(link: Path, tree: Path) -> None:
    """Replace the link atomically, so that readers always see a complete tree."""
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(os.path.relpath(tree, link.parent))
    fresh.replace(link)


def _git(root: Path, *arguments: str) -> str:
    # The volume belongs to root, but this process runs as another user: git would refuse "dubious ownership".
    command = ["git", "-c", "safe.directory=*", *arguments]
    done = subprocess.run(
        command, cwd=root, env=_environment(), capture_output=True, text=True, timeout=_GIT_SECONDS, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"git {arguments[0]}: exit status {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()


def _environment() -> dict[str, str]:
    ssh = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=30"]
    if key := _variable("GITSYNC_SSH_KEY_FILE", "GIT_SSH_KEY_FILE"):
        ssh += ["-o", "IdentitiesOnly=yes", "-i", key]
    if (_variable("GITSYNC_SSH_KNOWN_HOSTS", "GIT_KNOWN_HOSTS") or "true") == "true":
        hosts = _variable("GITSYNC_SSH_KNOWN_HOSTS_FILE", "GIT_SSH_KNOWN_HOSTS_FILE") or "/etc/git-secret/known_hosts"
        ssh += ["-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={hosts}"]
    else:
        ssh += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    own = {
        "GIT_SSH_COMMAND": shlex.join(ssh),
        "GIT_ASKPASS": str(Path(__file__).resolve()),
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C.UTF-8",
    }
    return {**os.environ, **own}


def _answer(prompt: str) -> None:
    """Act as git's askpass program, so that no argument and no file has the password."""
    if prompt.startswith("Username"):
        print(_variable("GITSYNC_USERNAME", "GIT_SYNC_USERNAME"))
    else:
        print(_variable("GITSYNC_PASSWORD", "GIT_SYNC_PASSWORD"))


def _serve(address: str, synced: threading.Event) -> None:
    class Liveness(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if synced.is_set() else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    host, _, port = address.rpartition(":")
    server = http.server.ThreadingHTTPServer((host, int(port)), Liveness)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def _log(message: str, **more: str | int) -> None:
    line = json.dumps({"ts": time.strftime("%FT%TZ", time.gmtime()), "msg": message, **more})
    for secret in filter(None, (_variable("GITSYNC_PASSWORD"), _variable("GIT_SYNC_PASSWORD"))):
        line = line.replace(secret, "*****")
    # The URL of a repository may contain a password.
    print(re.sub(r"(://[^/:@\s]*):[^/@\s]+@", r"\1:*****@", line), flush=True)


def _fatal(message: str) -> NoReturn:
    _log(f"FATAL: {message}")
    sys.exit(1)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _answer(sys.argv[1])
    else:
        main()
