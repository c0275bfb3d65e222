"""Makes or removes the local admin, and records it in Airflow's audit log first. `airflow-stack admin` runs this file in a Job, in Airflow's image.

The password goes in through `getpass`: logs and process lists show arguments. Nothing of this package is imported.
"""

import getpass
import os
import sys

from airflow.__main__ import main  # type: ignore[import-not-found]  # only in Airflow's image
from airflow.models.log import Log  # type: ignore[import-not-found]
from airflow.utils.session import create_session  # type: ignore[import-not-found]

_NAME, _PASSWORD = os.environ["LOCAL_ADMIN_NAME"], os.environ.get("LOCAL_ADMIN_PASSWORD", "")


def _airflow(*command: str) -> None:
    sys.argv = ["airflow", *command]
    main()


with create_session() as session:
    event = "break_glass_admin_made" if _PASSWORD else "break_glass_admin_removed"
    session.add(Log(event, owner=os.environ["LOCAL_ADMIN_OPERATOR"], extra=os.environ["LOCAL_ADMIN_REASON"]))
try:
    _airflow("users", "delete", "--username", _NAME)  # its sessions and tokens end with it
except SystemExit as error:
    if "does not exist" not in str(error.code):
        raise
if _PASSWORD:
    getpass.getpass = lambda *_, **__: _PASSWORD
    who = ["--username", _NAME, "--email", f"{_NAME}@email.notfound", "--firstname", "Break", "--lastname", "Glass"]
    _airflow("users", "create", "--role", "Admin", *who)
