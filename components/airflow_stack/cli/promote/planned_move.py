"""Finds out what a promotion or a rollback would move, and what stands against it; then moves it, or not at all."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from airflow_stack.cli.namespace_reader import NamespaceReader
from airflow_stack.cli.promote import promotion_tag as records
from airflow_stack.cli.promote.dag_repository import GitError, Repository
from airflow_stack.cli.promote.model import Plan, commits, dag_changes, differences
from airflow_stack.cli.promote.promotion_tag import Record
from airflow_stack.cli.promote.running_commit import running
from airflow_stack.cli.promote.stack_refs import End
from airflow_stack.errors import UserError


@dataclass(frozen=True)
class Move:
    """A plan, and where to carry it out."""

    plan: Plan
    repository: Repository

    def carry_out(self) -> None:
        """Push: the ref from where it was shown to be, together with the record, or nothing.

        Raises:
            UserError: another was faster, or the git host refused.
        """
        plan = self.plan
        kind = "promotion" if plan.forward else "rollback"
        name = records.name(plan.stack, datetime.now(UTC))
        text = Record(kind, plan.ref, plan.before, plan.after, plan.source, plan.verified).text(plan.stack)
        self.repository.tag(name, plan.after, text)
        old, new = plan.before, plan.after
        if plan.ref.startswith("refs/tags/"):
            old, new = None, self.repository.tag(plan.ref.removeprefix("refs/tags/"), plan.after, text)
        try:
            self.repository.push(plan.ref, old, new, [name])
        except GitError as error:
            self._explain(error, name, old, new)

    def _explain(self, error: GitError, name: str, old: str | None, new: str) -> None:
        """What became of a push that failed; it may have arrived all the same, when the answer was lost."""
        plan = self.plan
        try:
            there = self.repository.refs([plan.ref, f"refs/tags/{name}"])
        except GitError as again:
            raise UserError(
                f"the connection to the git host was lost: {plan.ref} is where it was or at {plan.after[:12]}, nowhere else; "
                f"run this again to see. {again}"
            ) from None
        now = there.get(plan.ref)
        if now == new and f"refs/tags/{name}" in there:
            return
        if now != old:
            raise UserError(
                f"{plan.ref} moved from {(old or 'nothing')[:12]} to {(now or 'nothing')[:12]} while this ran: somebody else "
                "was faster, and this command changed nothing; run it again to see what is left to move"
            )
        protected = "" if plan.forward else (
            "; to go back is no fast-forward: where the host protects the branch, allow you to force-push to it for the moment"
        )  # fmt: skip
        raise UserError(f"the git host refused it, and {plan.ref} is where it was{protected}. {error}")


def promotion(source: End, target: End, repository: Repository, tag: str = "") -> Move:
    """What a promotion would move, before anybody asked whether it may.

    Raises:
        UserError: the source has no commit.
    """
    made = f"refs/tags/{tag}" if tag else target.ref
    there = repository.refs({source.ref, target.ref, made})
    repository.fetch(sorted({source.ref, target.ref} & there.keys()))
    after, before = repository.commit(source.ref), repository.commit(target.ref)
    if after is None:
        raise UserError(
            f"stack {source.stack!r} follows {source.ref}, which is not there; `airflow-stack doctor` says more"
        )
    plan = _plan(target, repository, made, before, after, forward=True)
    refusals = []
    if before and not repository.is_ancestor(before, after):
        lost = len(repository.commits(after, before))
        refusals.append(
            f"{target.ref} has {commits(lost)} that {source.ref} has not, so it is no fast-forward: merge {target.ref} into "
            f"{source.ref} first, and let {source.stack} run it"
        )
    if target.ref.startswith("refs/tags/"):
        if not tag and before != after:
            refusals.append(
                f"stack {target.stack!r} follows the tag {target.settings.dags.tag!r}: name the new one, --tag NAME"
            )
        elif tag and made in there:
            refusals.append(f"the tag {tag!r} is there already, and a tag does not move: choose another name")
        elif tag and not repository.allows(made):
            refusals.append(f"git does not allow the tag {tag!r}: choose a name such as v1.2")
    elif tag:
        refusals.append(f"stack {target.stack!r} follows {target.ref}, not a tag: leave --tag out")
    found = differences(source.settings, target.settings)
    return Move(replace(plan, source=source.stack, differences=found, refusals=refusals), repository)


def rollback(target: End, repository: Repository, to: str = "") -> Move:
    """What a rollback would move: to where the branch was before its last promotion, or to a commit of its history.

    Raises:
        UserError: there is nothing to go back to.
    """
    if not target.ref.startswith("refs/heads/"):
        raise UserError(
            f"stack {target.stack!r} follows the tag {target.settings.dags.tag!r}, and a tag does not move; have it follow the one before: "
            f"pulumi config set --path 'airflow:dags.tag' <tag> --stack {target.stack}, then pulumi up --stack {target.stack}"
        )
    prefix = records.prefix(target.stack)
    there = [name for name in repository.refs([target.ref, f"refs/tags/{prefix}*"]) if not name.endswith("^{}")]
    repository.fetch(there)
    if (head := repository.commit(target.ref)) is None:
        raise UserError(f"stack {target.stack!r} follows {target.ref}, which is not there")
    after = repository.commit(to) if to else _before(target, repository, head)
    if after is None or not repository.is_ancestor(after, head):
        raise UserError(f"{to or after} is not in the history of {target.ref}; name one of its commits, --to COMMIT")
    return Move(_plan(target, repository, target.ref, head, after, forward=False), repository)


def verified(source: End, after: str, reader: Callable[[], NamespaceReader], unverified: str = "") -> tuple[str, str]:
    """By what it is known that the source runs a commit, and what stands against it: one of the two is empty."""
    if unverified:
        said = f"unverified: nobody asked whether {source.stack} runs it; the user named {after[:12]}"
        other = f"--unverified names {unverified}, and {source.stack} is at {after[:12]}"
        return (said, "") if after.startswith(unverified) else ("", other)
    refused = f"it is unverified that {source.stack} runs {after[:12]}: {{}}; without that, --unverified {after[:12]} names it"
    try:
        found = running(reader(), source.settings.dags.delivery)
    except UserError as error:
        return "", refused.format(f"its cluster could not be asked ({error})")
    if not found:
        return "", refused.format("no DAG processor runs there")
    for pod, commit in found.items():
        if commit != after:
            runs = f"is at {commit[:12]}: wait until it has synced" if commit else "does not log what it runs"
            return "", refused.format(f"its pod {pod} {runs}, or see `airflow-stack status --stack {source.stack}`")
    return f"verified: {source.stack} runs it, as its DAG processor logs ({', '.join(sorted(found))})", ""


def _before(target: End, repository: Repository, head: str) -> str:
    prefix = records.prefix(target.stack)
    last = records.last_promotion(repository.records(prefix), target.ref, head)
    if last is None:
        raise UserError(
            f"no tag {prefix}* says which promotion brought {target.ref} to {head[:12]}; name a commit, --to COMMIT"
        )
    if last.before is None:
        raise UserError(f"the promotion to {head[:12]} made {target.ref}; there is nothing before it")
    return last.before


def _plan(end: End, repository: Repository, ref: str, before: str | None, after: str, *, forward: bool) -> Plan:
    dags = end.settings.dags
    old, new = (before, after) if forward else (after, before)
    files, others = repository.files(before, after, dags.path)
    return Plan(
        stack=end.stack,
        repository=dags.repository,
        ref=ref,
        before=before,
        after=after,
        commits=repository.commits(old, new or after),
        files=files,
        other_files=others,
        dags=dag_changes(files),
        forward=forward,
    )
