"""Hypothesis strategies for valid stacks and for arbitrary values."""

from typing import Any

from hypothesis import strategies as st

from tests.support.cases import AUTHENTICATIONS, BUNDLES, HOST_KEY, HTTPS, IMAGE, SSH, Config
from tests.support.placement_strategies import placement, volumes

texts = st.one_of(
    st.text(max_size=30),
    st.text(st.characters(), min_size=200, max_size=400),
    st.sampled_from(
        [
            "",
            " ",
            "\0",
            "\n",
            "\u202e",
            "\ud800",
            "[",
            "{",
            "{}",
            "null",
            "0",
            "-1",
            "1e400",
            "main",
            "../..",
            "a" * 300,
        ]
    ),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, st.integers(10**20, 10**30))
junk = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)


def some(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Config]:
    """Object with some of its fields."""
    return st.fixed_dictionaries({}, optional=parts)


def one(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Config]:
    """Object with one of its fields."""
    return st.one_of(*(st.fixed_dictionaries({name: part}) for name, part in parts.items()))


names = st.text("abyz019", min_size=1, max_size=20)
quantities = st.builds(lambda n, unit: f"{n}{unit}", st.integers(2, 4096), st.sampled_from(["Mi", "Gi", "M", "Ti"]))
cpus = st.one_of(st.integers(1, 4096).map("{}m".format), st.integers(1, 100).map(str), st.just("0.5"))
quotas = st.dictionaries(
    st.sampled_from(["requests.memory", "limits.cpu", "pods", "requests.nvidia.com/gpu", "count/jobs.batch"]),
    st.one_of(quantities, cpus),
    max_size=2,
)
# Texts with a special meaning in YAML or templates.
tricky = [
    "y",
    "no",
    "~",
    "null",
    "1e3",
    "0x1",
    "{{ x }}",
    "{{",
    "'\"",
    "a: b",
    "- x",
    "# x",
    "%x",
    "&a",
    "*a",
    "!x",
    "|",
    ">",
    " x ",
]
lines = st.one_of(st.sampled_from(tricky), st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=20))
labels = st.dictionaries(st.one_of(names, names.map("example.com/{}".format)), names, max_size=3)
component = some(replicas=st.integers(1, 9), cpu=cpus, memory=quantities)
image = some(
    repository=st.sampled_from(["acme/it", "registry.example.com:5000/it"]), tag=st.sampled_from(["3.2.2", "3.1.0-x"])
)


def _of_git(git: Config, ref: Config, more: Config) -> Config:
    refs = ("branch", "tag", "commit")
    unfit = ("depth",) if "delivery" in git else ()
    return {
        k: v for k, v in {**{k: v for k, v in git.items() if k not in refs}, **ref, **more}.items() if k not in unfit
    }


def _of_image(config: Config, of_image: bool) -> Config:
    images = config.get("images", {})
    images = {**images, "airflow": {**images.get("airflow", {}), "repository": "acme/it"}}
    return {**config, **IMAGE, "images": images} if of_image else config


github_apps = st.builds(
    lambda identity, rest, more: {**identity, **rest, **more},
    one(applicationId=st.integers(1, 10**9), clientId=st.sampled_from(["Iv1.8a61f9b3a7aba766", "Iv23liABC"])),
    st.fixed_dictionaries({"installationId": st.integers(1, 10**9)}),
    some(baseUrl=st.just("https://github.example.com/api/v3/")),
)
dags = st.builds(
    _of_git,
    st.one_of(
        st.sampled_from([SSH, HTTPS, *AUTHENTICATIONS.values(), *BUNDLES.values()]),
        st.builds(lambda app: {**HTTPS, "githubApp": app}, github_apps),
    ),
    st.one_of(st.just({}), one(branch=names, tag=names, commit=st.just("0123456789abcdef" * 4))),
    some(path=names, depth=st.integers(1, 99), visibleWithinSeconds=st.integers(20, 3600), username=lines, knownHosts=st.just(f"* {HOST_KEY}"),
         gitHost=st.sampled_from(["github", "gitlab", "bitbucket", "azureDevOps", "gitea"])),
)  # fmt: skip
_of_git_or_image = st.builds(
    lambda needed, more: {**needed, **more},
    st.fixed_dictionaries({"dags": dags}),
    some(
        executor=st.sampled_from(["KubernetesExecutor", "LocalExecutor", "CeleryExecutor"]),
        size=st.sampled_from(["small", "medium", "large"]),
        components=some(**dict.fromkeys(("apiServer", "scheduler", "dagProcessor", "triggerer", "workers"), component)),
        placement=placement,
        volumes=volumes,
        database=one(
            inCluster=some(storage=quantities, storageClass=names),
            external=st.builds(
                lambda needed, more: {**needed, **more},
                st.fixed_dictionaries({"host": names}),
                some(
                    port=st.integers(1, 65535),
                    name=lines,
                    user=lines,
                    sslMode=st.sampled_from(["disable", "require"]),
                ),
            ),
            cloudNativePg=some(instances=st.integers(1, 9), storage=quantities),
        ),
        ingress=st.builds(
            lambda needed, more: {**needed, **more},
            st.fixed_dictionaries({"host": names.map("{}.example.com".format), "controllerNamespace": names}),
            some(className=names, tlsSecret=names, annotations=labels),
        ),
        admin=some(
            create=st.booleans(), username=lines, email=st.just("a@example.com"), firstName=lines, lastName=lines
        ),
        logs=one(
            volume=st.fixed_dictionaries({"size": quantities}),
            remote=st.just({"folder": "s3://a/b", "connection": "c-1.d"}),
        ),
        images=some(registry=names, pullSecrets=st.lists(names, max_size=2), airflow=image, redis=image),
        chart=some(version=st.just("1.22.0"), timeoutSeconds=st.integers(60, 7200)),
        namespace=names,
        quota=quotas,
        labels=labels,
        serviceAccountAnnotations=st.dictionaries(names, lines.filter(lambda text: "{{" not in text), max_size=2),
        environment=st.dictionaries(st.text("ABC_", min_size=1, max_size=9), lines, max_size=3),
        environmentFrom=st.dictionaries(
            st.text("XYZ", min_size=1, max_size=9), st.fixed_dictionaries({"secret": names, "key": names}), max_size=2
        ),
        rotation=some(
            jwt=st.integers(1, 3),
            fernet=st.integers(1, 3),
            gitSshKey=st.integers(3, 5),
            gitSshKeyDropped=st.integers(0, 2),
        ).filter(lambda rotation: rotation.get("gitSshKeyDropped", 0) < rotation.get("gitSshKey", 1)),
        protect=st.booleans(),
    ),
)
in_order = st.builds(_of_image, _of_git_or_image, st.sampled_from([False, False, False, True]))
