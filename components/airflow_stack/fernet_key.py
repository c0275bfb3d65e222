"""A Fernet key that a stack brings along: checked before anything is touched, for a wrong one stops every Airflow container.

Silent about the key: no message repeats a part of one.
"""

from cryptography.fernet import Fernet

from airflow_stack.git.private_key import UnusableKeyError


def usable_fernet_keys(text: str) -> str:
    """The key as Airflow must get it, or several with commas between them (`[core] fernet_key`).

    Raises:
        UnusableKeyError: Airflow would refuse it.
    """
    keys = [key.strip() for key in text.split(",")]
    for key in keys:
        try:
            Fernet(key)
        except ValueError:
            raise UnusableKeyError(
                "is not a Fernet key, which is 32 bytes in URL-safe Base64, or several with commas between them",
                "take it whole from the Secret `airflow-fernet-key`, key `fernet-key`",
            ) from None
    return ",".join(keys)
