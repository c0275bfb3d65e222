"""Rule against plaintext secrets in a release's values, a pod's environment or a ConfigMap. It never shows a value."""

from collections.abc import Iterator

from airflow_stack.secret_forms import looks_secret, secret_places, secret_text, shown_place

from .model import RELEASE, Resource, Rule, Violation, at, leaves
from .workload_rules import containers


def _plaintext(resource: Resource) -> Iterator[Violation]:
    found: list[str] = []
    if resource.type == RELEASE:
        values = resource.at("values", {})
        found += (f"values.{shown_place(values, path)}" for path in secret_places(values))
    elif resource.type == "kubernetes:core/v1:ConfigMap":
        found += (f"data.{key}" for key, text in resource.at("data", {}).items() if looks_secret(key, text))
    for place, container in containers(resource):
        variables = at(container, "env", [])
        found += (f"{place}.env.{shown_place(variables, path)}" for path in secret_places(variables))
        found += (
            ".".join((place, *inner))
            for inner, text in leaves({key: container.get(key) for key in ("command", "args")})
            if secret_text(text)
        )
    for place in dict.fromkeys(found):
        yield Violation(
            place,
            "looks like a plaintext secret, which the Helm release stores, and kubectl and previews show",
            "put it into a Secret and reference that, with airflow:environmentFrom or the chart's ...SecretName values; then replace the exposed secret",
        )


RULES = (
    Rule("no-plaintext-secrets", "No secret is plaintext.", "https://github.com/pulumi/pulumi/issues/9781", _plaintext),
)  # fmt: skip
