"""Check of a stack's own Fernet key before any change: a wrong key stops every Airflow container.

No message repeats any part of a key.
"""

from cryptography.fernet import Fernet

from airflow_stack.git.private_key import UnusableKeyError


def usable_fernet_keys(text: str) -> str:
    """The key as Airflow reads it (`[core] fernet_key`); commas separate several keys.

    Raises:
        UnusableKeyError: Airflow would refuse it.
    """
    keys = [key.strip() for key in text.split(",")]
    for key in keys:
        try:
            Fernet(key)
        except ValueError:
            raise UnusableKeyError(
                "is not a Fernet key: 32 bytes in URL-safe Base64, with commas between several keys",
                "copy all of the key `fernet-key` in the Secret `airflow-fernet-key`",
            ) from None
    return ",".join(keys)
