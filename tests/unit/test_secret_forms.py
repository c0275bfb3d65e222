"""One definition of a secret in plain text: names, forms and places, without the references that look like one."""

import base64
from typing import Any

import pytest

from airflow_stack.secret_forms import decoded, looks_secret, secret_places, shown_place

FERNET_KEY = base64.urlsafe_b64encode(b"canary-5e0c" * 2 + b"0123456789").decode()
PEM = "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("smtp_password", "x"), ("smtp_password_prod", "x"), ("PGPASSWORD", "x"), ("PW", "x"), ("password", 4711), ("fernet_key", "x"),
        ("clientSecret", "x"), ("secret_key", "x"), ("flower_basic_auth", "u:p"), ("SENTRY_DSN", "https://abc@sentry.example.com/1"),
        ("AIRFLOW_CONN_AWS", "x"), ("AIRFLOW_CONN_AWS", "aws://?token=abc"), ("DB_PASSWORD", "$(A)b"), ("A", FERNET_KEY), ("A", PEM),
        ("A", base64.b64encode(PEM.encode()).decode()), ("A", "postgresql://u:p@host/db"), ("A", "redis://:p@host:6379/0"),
        ("A", "https://u:p/q@host/x"), ("A", "https://0123456789abcdefghijklmnop@dev.azure.com/x"), ("A", "jdbc:postgresql://h/db?user=u&password=p4"),
        ("A", "jdbc:sqlserver://h;user=u;password=p4"), ("A", "jdbc:oracle:thin:u/p@h:1521/s"), ("A", "Driver={ODBC Driver 18};Server=h;UID=u;PWD=p4;"),
        ("A", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=abc12==;"), ("A", "host=db user=u password=p4 dbname=a"),
        ("A", "https://storage.example.com/x?sv=1&sig=abc%3D"), ("A", "x --password=p4"), ("A", "mysql -u root --password p4"),
        ("A", "curl -H 'Authorization: Bearer abcdefghij'"), ("A", '{"vault": {"token": "x"}}'), ("A", '{"auths": {"r": {"auth": "x"}}}'),
        ("x.ini", "[smtp]\nhost = a\npassword = p4\n"), ("x.py", "import os\nCLIENT_SECRET = 'p4'\n"), ("x", "password = p4\n"),
        ("x", "password = p4"), ("x", "- name: DB_PASSWORD\n  value: p4\n"),
        ("x", "{{- if .Values.a }}\n- name: DB_PASSWORD\n  value: p4\n{{- end }}\n"), ("x", "a: &a {password: p4}\nb: *a\n"),
    ],
)  # fmt: skip
def test_a_secret_is_recognized_by_its_name_or_form(name: str, value: object) -> None:
    assert looks_secret(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fernetKeySecretName", "my-fernet"), ("sshKeySecret", "x"), ("credentialsSecret", "x"), ("existingSecret", "x"), ("secretKey", "password"),
        ("passwordSecretKey", "password"), ("fernet_key_cmd", "cat /key"), ("sql_alchemy_conn_secret", "airflow/db"), ("USE_TOKEN", "true"),
        ("TOKEN_FILE", "/run/token"), ("GOOGLE_APPLICATION_CREDENTIALS", "/opt/key.json"), ("password", "$(DB_PASSWORD)"), ("smtp_password", ""),
        ("AIRFLOW_CONN_AWS", '{"conn_type": "aws", "extra": {"region_name": "eu-central-1"}}'), ("AIRFLOW_CONN_API", "http://host:8080/path"),
        ("repo", "git@github.com:acme/dags.git"), ("repo", "ssh://git@host:22/acme/dags.git"), ("A", "postgresql://u:$(P)@h/d"), ("A", "http://host:8080/p@v1"),
        ("keepalives", "30"), ("password_min_length", "8"), ("TOKENIZERS_PARALLELISM", "false"), ("bypass", "x"), ("jwt_expiration_time", 86400),
        ("session_lifetime_minutes", 30), ("sensitive_var_conn_names", "password,secret"), ("remote_log_conn_id", "aws"), ("image", "a@sha256:" + "a" * 64),
        ("checksum", "0" * 64), ("knownHosts", "github.com ssh-ed25519 AAAA=\ngitlab.com ssh-rsa BBBB\n"), ("command", 'airflow users create -p "$PASSWORD"'),
        ("x.py", "import os\nCLIENT_SECRET = os.environ['X']\npassword = get(x)\n"), ("x", "{{- if .Values.a }}\npassword: {{ .Values.b }}\n{{- end }}"),
        ("x", "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef: {name: db, key: password}\n"), ("format", "%(asctime)s token=%(x)s"),
        ("automountServiceAccountToken", True), ("x", "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n"),
    ],
)  # fmt: skip
def test_a_reference_and_a_harmless_value_are_no_secret(name: str, value: object) -> None:
    assert not looks_secret(name, value)


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"a": [{"name": "PASSWORD", "value": "x"}]}, "a.PASSWORD"),
        ({"a": [["x"], [{"password": "x"}]]}, "a.1.0.password"),
        ({"extraSecrets": {"a": {"data": "key: eA=="}}}, "extraSecrets.a.data"),
        ({"extraSecrets": {"a": {"stringData": {"key": "x"}}}}, "extraSecrets.a.stringData"),
        ({"data": {"metadataConnection": {"pass": 1}}}, "data.metadataConnection.pass"),
        ({"scheduler": {"podAnnotations": {"checksum/token": "x"}}}, None),
    ],
)
def test_the_place_of_a_secret_is_named_without_its_value(values: dict[str, Any], place: str | None) -> None:
    assert [shown_place(values, path) for path in secret_places(values)] == ([place] if place else [])


def test_many_aliases_in_a_text_end_quickly() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20))]
    assert not looks_secret("x", "\n".join(lines))


def test_base64_of_no_text_is_an_error_without_its_content() -> None:
    assert decoded("eA==\n") == "x"
    with pytest.raises(ValueError, match=r"^is not Base64 of a text$"):
        decoded("canary")
