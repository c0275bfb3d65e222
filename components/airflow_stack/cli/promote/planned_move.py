"""Plans a promotion or a rollback, finds what forbids it, and carries it out completely or not at all."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from airflow_stack.cli.counted import counted
from airflow_stack.cli.namespace_reader import NamespaceReader
from airflow_stack.errors import UserError

from . import promotion_tag
from .dag_repository import GitError, RepositoryCopy
from .model import PromotionPlan, dag_changes, setting_differences
from .promotion_tag import PromotionRecord
from .running_commit import running_commits
from .stack_refs import StackRef


@dataclass(frozen=True)
class PlannedMove:
    """A plan, and the repository to carry it out in."""

    plan: PromotionPlan
    repository: RepositoryCopy

    def carry_out(self) -> None:
        """Push the ref together with its record.

        Raises:
            UserError: the ref has moved, or the git host refused.
        """
        plan = self.plan
        kind = "promotion" if plan.forward else "rollback"
        name = promotion_tag.new_name(plan.stack, datetime.now(UTC))
        text = PromotionRecord(kind, plan.ref, plan.before, plan.after, plan.source, plan.verified).text(plan.stack)
        self.repository.tag(name, plan.after, text)
        old, new = plan.before, plan.after
        if plan.ref.startswith("refs/tags/"):
            old, new = None, self.repository.tag(plan.ref.removeprefix("refs/tags/"), plan.after, text)
        try:
            self.repository.push(plan.ref, old, new, [name])
        except GitError as error:
            self._raise_unless_pushed(error, name, old, new)

    def _raise_unless_pushed(self, error: GitError, name: str, old: str | None, new: str) -> None:
        """Explain a failed push. It may have arrived all the same, if only its answer was lost."""
        plan = self.plan
        try:
            refs = self.repository.refs([plan.ref, f"refs/tags/{name}"])
        except GitError as lost:
            raise UserError(
                f"the connection to the git host was lost: {plan.ref} is either unchanged or at {plan.after[:12]}; "
                f"run this command again to see which. {lost}"
            ) from None
        now = refs.get(plan.ref)
        if now == new and f"refs/tags/{name}" in refs:
            return
        if now != old:
            raise UserError(
                f"{plan.ref} moved from {(old or 'nothing')[:12]} to {(now or 'nothing')[:12]} while this command ran, "
                "and this command changed nothing; run it again to see what is left to move"
            )
        protected = "" if plan.forward else (
            "; a rollback is not a fast-forward: if the host protects the branch, allow yourself to force-push for the moment"
        )  # fmt: skip
        raise UserError(f"the git host refused it, and {plan.ref} is unchanged{protected}. {error}")


def promotion(source: StackRef, target: StackRef, repository: RepositoryCopy, tag: str = "") -> PlannedMove:
    """Plan a promotion. Whether the source runs the commit is checked separately, by `verify`.

    Args:
        source: The stack whose commit is promoted.
        target: The stack that gets it.
        repository: Their repository.
        tag: Name of the new tag, for a target that follows a tag.

    Raises:
        UserError: the source has no commit.
    """
    moved = f"refs/tags/{tag}" if tag else target.ref
    refs = repository.refs({source.ref, target.ref, moved})
    repository.fetch(sorted({source.ref, target.ref} & refs.keys()))
    after, before = repository.commit(source.ref), repository.commit(target.ref)
    if after is None:
        raise UserError(
            f"stack {source.stack!r} follows {source.ref}, which does not exist; see `airflow-stack doctor --stack {source.stack}`"
        )
    plan = _plan(target, repository, moved, before, after, forward=True)
    refusals = []
    if before and not repository.is_ancestor(before, after):
        lost = len(repository.commits(after, before))
        refusals.append(
            f"{target.ref} has {counted(lost, 'commit')} that {source.ref} does not have, so this is not a fast-forward: "
            f"merge {target.ref} into {source.ref} first, and let {source.stack} run it"
        )
    if target.ref.startswith("refs/tags/"):
        if not tag and before != after:
            refusals.append(
                f"stack {target.stack!r} follows the tag {target.settings.dags.tag!r}: name a new tag with --tag NAME"
            )
        elif tag and moved in refs:
            refusals.append(f"the tag {tag!r} exists, and a tag does not move: choose another name")
        elif tag and not repository.is_valid_ref(moved):
            refusals.append(f"git does not allow the tag {tag!r}: choose a name such as v1.2")
    elif tag:
        refusals.append(f"stack {target.stack!r} follows {target.ref}, which is not a tag: remove --tag")
    differences = setting_differences(source.settings, target.settings)
    return PlannedMove(replace(plan, source=source.stack, differences=differences, refusals=refusals), repository)


def rollback(target: StackRef, repository: RepositoryCopy, to: str = "") -> PlannedMove:
    """Plan a rollback: to the commit before the last promotion, or to a commit of the branch's history.

    Raises:
        UserError: there is no commit to go back to.
    """
    if not target.ref.startswith("refs/heads/"):
        raise UserError(
            f"stack {target.stack!r} follows the tag {target.settings.dags.tag!r}, and a tag does not move; let it follow the previous tag: "
            f"pulumi config set --path 'airflow:dags.tag' '<tag>' --stack {target.stack} && pulumi up --stack {target.stack}"
        )
    tags = f"refs/tags/{promotion_tag.prefix(target.stack)}*"
    repository.fetch([name for name in repository.refs([target.ref, tags]) if not name.endswith("^{}")])
    if (head := repository.commit(target.ref)) is None:
        raise UserError(f"stack {target.stack!r} follows {target.ref}, which does not exist")
    after = repository.commit(to) if to else _before_last_promotion(target, repository, head)
    if after is None or not repository.is_ancestor(after, head):
        raise UserError(
            f"{to or after} is not in the history of {target.ref}; name one of its commits with --to COMMIT"
        )
    return PlannedMove(_plan(target, repository, target.ref, head, after, forward=False), repository)


def verify(
    source: StackRef, after: str, reader: Callable[[], NamespaceReader], unverified: str = ""
) -> tuple[str, str]:
    """Verify that the source runs a commit.

    Args:
        source: The stack.
        after: The commit.
        reader: Makes a reader of its namespace.
        unverified: Beginning of a commit that needs no verification.

    Returns:
        The evidence, and the refusal; one of the two is empty.
    """
    if unverified:
        evidence = f"unverified: the user named {after[:12]}; whether {source.stack} runs it was not checked"
        refusal = f"--unverified names {unverified}, and {source.stack} is at {after[:12]}"
        return (evidence, "") if after.startswith(unverified) else ("", refusal)

    def refused(reason: str) -> tuple[str, str]:
        return "", (
            f"it is unverified that {source.stack} runs {after[:12]}: {reason}; "
            f"--unverified {after[:12]} promotes it without verification"
        )

    try:
        found = running_commits(reader(), source.settings.dags.delivery)
    except UserError as error:
        return refused(f"its cluster is not readable ({error})")
    if not found:
        return refused("its cluster has no running DAG processor")
    for pod, commit in found.items():
        if commit != after:
            reason = f"is at {commit[:12]}: wait until it has synced" if commit else "logs no commit"
            return refused(f"its pod {pod} {reason}, or see `airflow-stack status --stack {source.stack}`")
    return f"verified: {source.stack} runs it, by the log of its DAG processor ({', '.join(sorted(found))})", ""


def _before_last_promotion(target: StackRef, repository: RepositoryCopy, head: str) -> str:
    prefix = promotion_tag.prefix(target.stack)
    last = promotion_tag.last_promotion(repository.records(prefix), target.ref, head)
    if last is None:
        raise UserError(
            f"no tag {prefix}* records a promotion of {target.ref} to {head[:12]}; name a commit with --to COMMIT"
        )
    if last.before is None:
        raise UserError(f"the promotion to {head[:12]} created {target.ref}; there is no commit before it")
    return last.before


def _plan(
    target: StackRef, repository: RepositoryCopy, ref: str, before: str | None, after: str, *, forward: bool
) -> PromotionPlan:
    dags = target.settings.dags
    old, new = (before, after) if forward else (after, before)
    files, others = repository.files(before, after, dags.path)
    return PromotionPlan(
        stack=target.stack,
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
