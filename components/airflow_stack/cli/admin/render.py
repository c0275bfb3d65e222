"""The lines that `admin` prints. They hold no password."""

from airflow_stack.names import BREAK_GLASS_USER

from .model import SECRET


def made(stack: str, namespace: str, page: str) -> str:
    """User, page and password of a local admin, and the command that removes it."""
    read = (
        f"kubectl --namespace {namespace} get secret {SECRET} --output jsonpath='{{.data.password}}' | base64 --decode"
    )
    return (
        f"user {BREAK_GLASS_USER} is an admin; the audit log has the event break_glass_admin_made\n"
        f"  log in:   {page}\n"
        f"  password: {read}\n"
        f"  remove:   airflow-stack admin --stack {stack} --remove --reason <text>"
    )


def removed() -> str:
    """A removed local admin."""
    return (
        f"user {BREAK_GLASS_USER} is removed, with its sessions; the audit log has the event break_glass_admin_removed"
    )
