"""The graphs show exactly the recorded resources, in valid Mermaid."""

import re

import pulumi
import pulumi_random as random
import pytest

from airflow_stack.cli.manifests import record_stack
from airflow_stack.cli.recording import record
from tests.support.cases import BUNDLES, DATABASES, LOGS, deployed, settings
from tools.reference_page import graphs
from tools.resource_graph import Graph

RECORDINGS = {
    **{caption: graph.recording for caption, graph in graphs().items()},
    "bundles": record_stack(settings(dags=BUNDLES["bundle, several"]), "test"),
    "cloud-native-pg": record_stack(settings(database=DATABASES["cloud-native-pg"], logs=LOGS["volume"]), "test"),
    "existing": deployed(create_namespace=False, admin={"create": False}),
}


@pytest.mark.parametrize("name", RECORDINGS)
@pytest.mark.parametrize("of", ["components", "resources"])
def test_a_graph_can_be_drawn(name: str, of: str) -> None:
    text: str = getattr(Graph(RECORDINGS[name]), of)()
    first, kind, *lines, last = text.splitlines()
    assert (first, last) == ("```mermaid", "```")
    assert re.fullmatch("flowchart (LR|TB)", kind)
    declared, ends, boxes = list[str](), list[str](), 0
    for line in map(str.strip, lines):
        if arrow := re.fullmatch(r"(\w+) --> (\w+)", line):
            ends += arrow.groups()
        elif box := re.fullmatch(r'(subgraph )?(\w+)\["[^"]+"\]', line):
            declared.append(box[2])
            boxes += bool(box[1])
        else:
            assert line in ("end", "direction LR", "direction TB")
            boxes -= line == "end"
            assert boxes >= 0
    assert boxes == 0
    assert len(declared) == len(set(declared))
    assert set(ends) <= set(declared)
    assert not {"end", "graph", "subgraph"} & set(declared)


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_resource_is_in_the_graph_once(name: str) -> None:
    text, recording = Graph(RECORDINGS[name]).resources(), RECORDINGS[name]
    for resource in recording.resources.values():
        kind = resource.type.rpartition(":")[2]
        assert len(re.findall(rf'"<b>{kind}</b>(<br/>| ){resource.name}"', text)) == 1


class Box(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("airflow:index:Box", name, None, opts)


def made(name: str, parent: pulumi.Resource | None = None, *after: pulumi.Resource) -> pulumi.Resource:
    return random.RandomPet(name, opts=pulumi.ResourceOptions(parent=parent, depends_on=after))


def arrows(text: str) -> set[str]:
    return set(re.findall(r"\w+ --> \w+", text))


def test_arrows_that_follow_from_others_are_left_out() -> None:
    def program() -> None:
        box = Box("box")
        first = made("first", box)
        second = made("second", box, first)
        made("third", box, first, second)

    text = Graph(record(program)).resources()
    assert arrows(text) == {"RandomPet_first --> RandomPet_second", "RandomPet_second --> RandomPet_third"}


def test_an_arrow_between_components_represents_those_between_their_resources() -> None:
    def program() -> None:
        whole = Box("whole")
        one, other = (
            Box("one", pulumi.ResourceOptions(parent=whole)),
            Box("other", pulumi.ResourceOptions(parent=whole)),
        )
        first = made("first", one)
        made("second", other, first)
        made("third", other, first)

    graph = Graph(record(program))
    assert arrows(graph.resources()) == arrows(graph.components()) == {"Box_one --> Box_other"}
    assert "2 RandomPet" in graph.components()


def test_a_dependency_between_components_has_an_arrow() -> None:
    text = Graph(deployed()).components()
    assert "DatabaseMigration_airflow_migration --> AirflowRelease_airflow" in arrows(text)
    assert "AirflowNamespace_airflow --> AirflowRelease_airflow" not in arrows(text)
