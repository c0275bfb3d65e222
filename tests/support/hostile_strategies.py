"""Hypothesis strategies for what real files and hostile input broke: URLs, refs, host keys, private keys, names and stack files."""

import base64
from collections.abc import Callable

from hypothesis import strategies as st

from tests.support.cases import HOST_KEY, KEY

CANARY = "hunter2canary"
HOSTS = [
    "github.com",
    "gitlab.com",
    "bitbucket.org",
    "ssh.dev.azure.com",
    "dev.azure.com",
    "git.example.com",
    "h",
    "10.0.0.1",
    "[::1]",
    "",
]
_segments = st.sampled_from(
    [
        "acme",
        "dags",
        "dags.git",
        "tree",
        "main",
        "-",
        "_git",
        "v3",
        "7999",
        "22",
        "~me",
        "projects",
        "repos",
        "src",
        "branch",
        "..",
        ".",
        "",
        "a b",
        "{{x}}",
    ]
)
_separators = st.sampled_from(["/", ":", "//", "@", "?", "#", ":22/", ":99999/", f"?token={CANARY}"])
git_urls = st.builds(
    lambda scheme, user, host, separator, path, end: f"{scheme}{user}{host}{separator}{'/'.join(path)}{end}",
    st.sampled_from(["", "ssh://", "https://", "http://", "git://", "git+ssh://", "file://", "HTTPS://", "oci://"]),
    st.sampled_from(["", "git@", "acme@", f"me:{CANARY}@", f"me:2024/{CANARY}@", f"{CANARY}/x@", "-oProxyCommand=x@"]),
    st.sampled_from(HOSTS),
    _separators,
    st.lists(_segments, max_size=5),
    st.sampled_from(["", "/", ".git", f"?private_token={CANARY}", f"#{CANARY}", "\n", " "]),
)
refs = st.lists(
    st.sampled_from(
        [
            "main",
            "refs",
            "heads",
            "tags",
            "/",
            ".",
            "..",
            ".lock",
            "@",
            "{",
            "-",
            "HEAD",
            "~",
            "^",
            " ",
            "${X}",
            "é",
            "v1",
            "\x7f",
            "a" * 40,
        ]
    ),
    min_size=1,
    max_size=5,
).map("".join)
_patterns = st.sampled_from(
    [
        "git.example.com",
        "*",
        "*.example.com",
        "!git.example.com",
        "[git.example.com]:2222",
        "|1|a|b",
        "github.com",
        "#",
        "",
    ]
)
known_hosts = st.lists(
    st.builds(
        lambda marker, hosts, key, cut, comment: f"{marker}{','.join(hosts)} {key[:cut]}{comment}",
        st.sampled_from(["", "", "@cert-authority ", "@revoked ", "@x "]),
        st.lists(_patterns, max_size=2),
        st.sampled_from([HOST_KEY, HOST_KEY.replace("ed25519", "rsa"), "SHA256:abc", ""]),
        st.sampled_from([None, None, 40, 12]),
        st.sampled_from(["", " me", "\r"]),
    ),
    max_size=3,
).map("\n".join)

MANGLED: list[Callable[[str], str]] = [
    lambda text: text.replace("\n", "\\n"),
    lambda text: text.replace("\n", " "),
    lambda text: text.replace("\n", ""),
    lambda text: text.replace("\n", "\r\n"),
    lambda text: f'"{text}"',
    lambda text: f"\ufeff{text}",
    lambda text: text.rstrip(),
    lambda text: "".join(f"  {line}\n" for line in text.splitlines()),
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.b64encode(text.encode("utf-16")).decode(),
]
"""Ways in which a tool changes a key without losing a part of it."""
mangled_keys = st.lists(st.sampled_from(MANGLED), max_size=3).map(lambda ways: _through(KEY, ways))


def _through(text: str, ways: list[Callable[[str], str]]) -> str:
    for way in ways:
        text = way(text)
    return text


STACK_FILE = f"""encryptionsalt: v1:abc
config:
  kubernetes:context: prod
  airflow:dags:
    repository: https://github.com/acme/dags.git
    branch: main
  airflow:environment: &all {{A: {CANARY}}}
  airflow:labels: {{team: data}}
  airflow:protect: true
"""


@st.composite
def stack_files(draw: st.DrawFn) -> bytes:
    """A stack file with some lines doubled, dropped, indented, misspelt or replaced."""
    lines = STACK_FILE.splitlines()
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(lines) - 1))
        match draw(st.integers(0, 6)):
            case 0:
                lines.insert(draw(st.integers(0, len(lines))), lines[place])
            case 1 if len(lines) > 1:
                lines.pop(place)
            case 2:
                lines[place] = f"  {lines[place]}"
            case 3 if lines[place]:
                at = draw(st.integers(0, len(lines[place]) - 1))
                lines[place] = lines[place][:at] + lines[place][at + 1 :]
            case 4:
                lines[place] += draw(st.text(st.sampled_from(":{}[]&*!|>'\"#- \t%@`,?a1~\0"), max_size=4))
            case 5:
                lines[place] = (
                    f"  airflow:values: {draw(st.sampled_from(['*all', '&x [*x]', '{<<: *all}', '[' * 200, '9' * 5000, '2026-99-99', '!!python/none', '22:30']))}"
                )
            case _:
                lines[place] = draw(st.text(max_size=10))
    return "\n".join(lines).encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-16", "utf-8-sig"])), "replace")
