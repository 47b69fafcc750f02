"""Topics: written and read in one place, and nothing else is taken for one."""

from pathlib import Path
from string import Template

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.identities import CompoundId, DeviceId, Epoch
from mqtt.errors import TopicInvalid
from mqtt.topics import (
    CENTER,
    CENTER_STATUS,
    CENTER_WRITES,
    DEVICE_READS,
    DEVICE_WRITES,
    Address,
    DeviceTopic,
    DirectoryTopic,
    Verb,
    every,
    parse_topic,
)

GATE = Address(compound=CompoundId("garden"), device=DeviceId("gate-1"))
EPOCH = Epoch("0011223344556677")
TEMPLATES = Path(__file__).resolve().parents[3] / "config" / "mosquitto"


def test_topics_are_the_ones_of_the_bus_contract() -> None:
    assert GATE.topic(Verb.STATUS) == "gh/1/garden/gate-1/status"
    assert GATE.topic(Verb.OUTING_CLAIM) == "gh/1/garden/gate-1/outing/claim"
    assert GATE.event(EPOCH) == "gh/1/garden/gate-1/event/0011223344556677"
    assert GATE.ack(EPOCH) == "gh/1/garden/gate-1/ack/0011223344556677"
    assert GATE.acks() == "gh/1/garden/gate-1/ack/+"
    assert GATE.others_used() == "gh/1/garden/+/used"
    assert GATE.directories() == "gh/1/garden/_/directory/#"
    assert every(Verb.EVENT) == "gh/1/+/+/event/+"
    assert every(Verb.STATE) == "gh/1/+/+/state"
    assert CENTER_STATUS == "gh/1/_/center/status"
    assert str(DirectoryTopic(compound=GATE.compound, version=7, chunk=0)) == "gh/1/garden/_/directory/7/0"


@pytest.mark.parametrize("verb", [verb for verb in Verb if verb is not Verb.DIRECTORY])
def test_every_topic_of_a_device_is_read_as_it_was_written(verb: Verb) -> None:
    epoch = EPOCH if verb in (Verb.EVENT, Verb.ACK) else None
    topic = DeviceTopic(compound=GATE.compound, device=GATE.device, verb=verb, epoch=epoch)
    assert parse_topic(str(topic)) == topic


def test_directory_chunk_is_read_as_it_was_written() -> None:
    topic = DirectoryTopic(compound=GATE.compound, version=12, chunk=3)
    assert parse_topic(str(topic)) == topic


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gh",
        "gh/1/garden/gate-1",
        "gh/2/garden/gate-1/status",
        "gh/1/Garden/gate-1/status",
        "gh/1/_/gate-1/status",
        "gh/1/_/center/state",
        "gh/1/garden/gate 1/status",
        "gh/1/garden/gate-1/status/x",
        "gh/1/garden/gate-1/directory",
        "gh/1/garden/gate-1/event",
        "gh/1/garden/gate-1/event/xyz",
        "gh/1/garden/gate-1/event/0011223344556677/1",
        "gh/1/garden/gate-1/outing",
        "gh/1/garden/gate-1/secret",
        "gh/1/garden/_/directory/1",
        "gh/1/garden/_/directory/-1/0",
        "gh/1/garden/_/directory/01/0",
        "gh/1/garden/_/directory/1/10000",
        "gh/1/garden/_/status",
        "gh/1/garden/gate-1/status\n",
        "/gh/1/garden/gate-1/status",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(TopicInvalid):
        parse_topic(text)


@given(st.text(max_size=60))
def test_garbage_never_raises_anything_else(text: str) -> None:
    with pytest.raises(TopicInvalid):
        parse_topic("gh/1/garden/" + text + "/nothing")


@pytest.mark.parametrize("name", ["", "Gate", "a/b", "+", "#", "a" * 33, "$sys", "gate_1", "gate-1\n"])
def test_names_that_could_reach_another_topic_are_refused(name: str) -> None:
    with pytest.raises(TopicInvalid):
        Address(compound=CompoundId("garden"), device=DeviceId(name))
    with pytest.raises(TopicInvalid):
        Address(compound=CompoundId(name), device=DeviceId("gate-1"))


def _granted(template: str, access: str) -> set[str]:
    text = Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(
        compound=GATE.compound, device=GATE.device, center=CENTER.device, heard="seal-1"
    )
    return {line.split()[2] for line in text.splitlines() if line.startswith(f"topic {access} ")}


def _filter(address: str, verb: Verb) -> str:
    return f"gh/1/{address}/{verb.value}" + ("/+" if verb in (Verb.EVENT, Verb.ACK) else "")


def test_access_list_of_a_device_grants_its_own_verbs_and_nothing_with_a_wildcard_above_them() -> None:
    assert _granted("device.acl", "write") == {_filter("garden/gate-1", verb) for verb in DEVICE_WRITES}
    own = {_filter("garden/gate-1", verb) for verb in DEVICE_READS}
    assert _granted("device.acl", "read") == own | {GATE.others_used(), GATE.directories(), CENTER_STATUS}
    assert _granted("device.acl", "readwrite") == set()


def test_access_list_of_the_centre_lets_it_write_no_device_s_record() -> None:
    expected = {_filter("+/+", verb) for verb in CENTER_WRITES} | {CENTER_STATUS, "gh/1/+/_/directory/#"}
    assert _granted("center.acl", "write") == expected
