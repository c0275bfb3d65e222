#!/usr/bin/python3 -IS
"""Entry point of the Airflow stand-in, with the rules of the official image: waits for the database, then runs the command.

The official one runs `airflow db check`, which takes CPU seconds in each pod. Here a TCP connection is enough.
"""

import os
import socket
import sys
import time
from urllib.parse import urlsplit


def main(command: list[str]) -> None:
    """Replace this process by `bash`, `python`, or the given command of `airflow`."""
    os.umask(0o002)
    _wait_for_database()
    if command[:1] not in (["bash"], ["python"]):
        command = ["airflow", *command[command[:1] == ["airflow"] :]]
    os.execvp(command[0], command)  # noqa: S606


def _wait_for_database() -> None:
    attempts = int(os.environ.get("CONNECTION_CHECK_MAX_COUNT") or 20)
    address = urlsplit(os.environ.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", ""))
    if address.hostname is None:
        return
    for left in reversed(range(attempts)):
        try:
            socket.create_connection((address.hostname, address.port or 5432), timeout=5).close()
        except OSError as error:
            print(f"The database does not answer: {error}", file=sys.stderr, flush=True)
            if not left:
                sys.exit(1)
            time.sleep(float(os.environ.get("CONNECTION_CHECK_SLEEP_TIME") or 3))
        else:
            return


if __name__ == "__main__":
    main(sys.argv[1:])
