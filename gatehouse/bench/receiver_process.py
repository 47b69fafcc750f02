"""The floor of the ingest: a process that receives with paho and does nothing else, until its standard input closes.

`python -m gatehouse.bench.receiver_process PORT CA CERTIFICATE KEY`; says `ready`, then how many messages it has had,
whenever it is asked by a line.
"""

import sys
import threading

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from mqtt.intake import CENTER_RECEIVE_MAX
from mqtt.link import MAX_PACKET_BYTES
from mqtt.topics import CENTER_DEVICE, Verb, every


class Receiver:
    """Counts."""

    def __init__(self) -> None:
        self.count = 0
        self.is_subscribed = threading.Event()

    def on_connect(
        self, client: Client, userdata: object, flags: object, reason: ReasonCode, properties: Properties | None
    ) -> None:
        """Hear every device's records."""
        client.subscribe(every(Verb.EVENT), qos=1)

    def on_message(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        """Count one; its bytes are dropped."""
        self.count += 1


def main(port: str, ca: str, certificate: str, key: str) -> int:
    """Receive until standard input closes; returns 0."""
    receiver = Receiver()
    client = Client(CallbackAPIVersion.VERSION2, client_id=CENTER_DEVICE, protocol=MQTTProtocolVersion.MQTTv5)
    client.tls_set(ca, certificate, key)
    client.on_message = receiver.on_message
    client.on_subscribe = lambda *_: receiver.is_subscribed.set()
    client.on_connect = receiver.on_connect
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.ReceiveMaximum = CENTER_RECEIVE_MAX
    properties.MaximumPacketSize = MAX_PACKET_BYTES
    client.connect("127.0.0.1", int(port), clean_start=True, properties=properties)
    client.loop_start()
    if not receiver.is_subscribed.wait(10.0):
        return 3
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        sys.stdout.write(f"{receiver.count}\n")
        sys.stdout.flush()
    client.disconnect()
    client.loop_stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
