"""The link: one device's connection to the broker, kept up for ever. With mqtt.network_loop the only one to know paho.

Rules. Each connection is a fresh paho client with a clean start: nothing that an old connection left unfinished bursts
into the new one; the outbox sends again what matters. One thread of ours, the network thread, connects, reads and
writes, and connects again after a jittered, doubling delay. Every callback is wrapped: an exception would end that
thread. At most `max_unconfirmed` messages wait for the broker's confirmation (paho ignores the broker's Receive
Maximum; this file does not).
"""

import logging
import random
import secrets
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from paho.mqtt.client import Client, MQTTMessage, topic_matches_sub
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from mqtt.errors import IdentityInvalid, MessageInvalid
from mqtt.gathering_socket import GatheringSocket
from mqtt.identity import Credentials
from mqtt.messages import Status, StatusWhy
from mqtt.network_loop import MISC_EVERY_S, NetworkLoop
from mqtt.topics import Address, Verb

log = logging.getLogger(__name__)

MAX_ROUTES: Final = 8_192
MAX_PACKET_BYTES: Final = 256 * 1024
GOODBYE_WITHIN_S: Final = 1.0
_NO_CHECK_TIME: Final = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL (x509_vfy.h); Python's ssl names no constant for it."""

_AT_LEAST_ONCE: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """Where and how to connect. Times in seconds.

    checks_dates: False while the device's clock is not trusted: chain and name are still checked, dates are not. How
    it begins; `Link.check_dates` follows the clock from then on.
    receive_max: messages the broker may have unconfirmed towards us. manual_ack: the receiver confirms (the centre).
    """

    host: str
    port: int
    credentials: Credentials
    checks_dates: bool = True
    keepalive_s: int = 15
    connect_within_s: float = 5.0
    reconnect_min_s: float = 1.0
    reconnect_max_s: float = 60.0
    max_unconfirmed: int = 200
    receive_max: int = 200
    manual_ack: bool = False


class Sent(Enum):
    """What became of a publish. Only SENT reached paho; nothing is queued for later."""

    SENT = "sent"
    DOWN = "down"
    BUSY = "busy"  # max_unconfirmed messages wait for the broker


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message as it came. With manual_ack, `confirm` tells the broker that it is in safe hands; from any thread."""

    topic: str
    payload: bytes
    is_retained: bool
    confirm: Callable[[], None]


Handler = Callable[[Received], None]


class Link:
    """A connection that is always being made or kept. Handlers run on the network thread and must not block."""

    def __init__(
        self,
        settings: LinkSettings,
        address: Address,
        *,
        software: str | None = None,
        on_link_changed: Callable[[bool], None] = lambda is_up: None,
    ) -> None:
        """on_link_changed: called after birth (True) and after a loss (False), on one of the link's threads."""
        self.address = address
        self.callback_failures = 0
        self.refused_publishes = 0
        self._settings = settings
        self._software = software
        self._listeners: list[Callable[[bool], None]] = [on_link_changed]
        self._confirmed_listeners: list[Callable[[], None]] = []
        self._handlers: list[tuple[str, Handler]] = []
        self._routes: dict[str, tuple[Handler, ...]] = {}
        self._mutex = threading.Condition()
        self._client: Client | None = None
        self._is_up = False
        self._has_stood = False
        self._unconfirmed = 0
        self._unconfirmed_limit = settings.max_unconfirmed
        self._checks_dates = self._are_dates_checked = settings.checks_dates
        self._is_renewing = False
        self._stopping = threading.Event()
        self._loop: NetworkLoop | None = None
        # 32 random bits per process, 16 bits per connection: a late will of any older session can be told apart.
        self._session = secrets.randbits(32) << 16
        self._thread = threading.Thread(target=self._run, name=f"link-{address.device}", daemon=True)
        self.handle(address.topic(Verb.STATUS), self._on_own_status)

    @property
    def is_up(self) -> bool:
        """Whether a connection stands and the birth was sent."""
        return self._is_up

    @property
    def lost_within_s(self) -> float:
        """Within this time a connection over which nothing comes any more is given up, whatever the network says."""
        return 2 * self._settings.keepalive_s + MISC_EVERY_S

    @property
    def session(self) -> int:
        """Number of the present connection: stands in its birth and in its will."""
        return self._session

    def handle(self, topic_filter: str, handler: Handler) -> None:
        """Subscribe (QoS 1) at every connection and hand what comes to the handler. Before `start`."""
        self._handlers.append((topic_filter, handler))

    def on_change(self, listener: Callable[[bool], None]) -> None:
        """Add a listener for the link's comings and goings. Before `start`."""
        self._listeners.append(listener)

    def on_confirmed(self, listener: Callable[[], None]) -> None:
        """Add a listener that hears when the broker confirmed a publish, so that there is room. Before `start`."""
        self._confirmed_listeners.append(listener)

    def check_dates(self, checks_dates: bool) -> None:
        """Say whether the clock can judge a certificate's dates. Returns at once; any thread.

        The next connection follows; one that stands is made anew only where its dates were not checked and now can be.
        """
        self._checks_dates = checks_dates
        self._renew_where_dates_can_be_checked()

    def start(self) -> None:
        """Start connecting; returns at once. Raises IdentityInvalid when the certificate cannot be loaded."""
        _tls_context(self._settings.credentials, checks_dates=self._checks_dates)
        self._thread.start()

    def stop(self, *, join_within_s: float = 10.0) -> None:
        """Say goodbye (status `stopped`), disconnect, end the threads."""
        self._stopping.set()
        self.publish(self.address.topic(Verb.STATUS), self._status(StatusWhy.STOPPED), is_retained=True)
        with self._mutex:
            # Closed before it has read the broker's answer, the socket resets, and the broker publishes the will.
            self._mutex.wait_for(lambda: self._client is None or self._unconfirmed == 0, GOODBYE_WITHIN_S)
        self._end_loop()
        self._thread.join(join_within_s)

    def publish(self, topic: str, payload: bytes, *, is_retained: bool = False) -> Sent:
        """Hand a message to the broker (QoS 1); never blocks, never keeps it for later. From any thread.

        Raises MessageInvalid when it is longer than MAX_PACKET_BYTES allows.
        """
        if len(payload) + len(topic) + 64 > MAX_PACKET_BYTES:
            raise MessageInvalid(f"{len(payload)} bytes for {topic}: at most {MAX_PACKET_BYTES} with its topic")
        with self._mutex:
            client = self._client
            if client is None:
                return Sent.DOWN
            if self._unconfirmed >= self._unconfirmed_limit:
                return Sent.BUSY
            self._unconfirmed += 1
        # Outside the mutex: the network thread calls `_on_published` under a lock that this call takes.
        code = client.publish(topic, payload, qos=_AT_LEAST_ONCE, retain=is_retained).rc
        if code is MQTTErrorCode.MQTT_ERR_SUCCESS:
            return Sent.SENT
        self._count_confirmed(client)
        return Sent.DOWN if code is MQTTErrorCode.MQTT_ERR_NO_CONN else Sent.BUSY

    # below: the network thread

    def _run(self) -> None:
        delay_s = self._settings.reconnect_min_s
        was_reported = False
        while not self._stopping.is_set():
            try:
                self._live_once()
            except (OSError, ssl.SSLError, ValueError, IdentityInvalid) as error:
                if not was_reported:
                    log.warning("link_down why=%s", error)
                    was_reported = True
            if self._has_stood:
                delay_s, was_reported = self._settings.reconnect_min_s, False
            if self._stopping.is_set():
                break
            # Jittered, or 300 gates would return in the same second.
            self._stopping.wait(delay_s * random.uniform(0.5, 1.5))
            delay_s = min(delay_s * 2, self._settings.reconnect_max_s)

    def _live_once(self) -> None:
        """One connection from its making to its end."""
        self._session += 1
        self._has_stood = self._is_renewing = False
        self._are_dates_checked = self._checks_dates
        client = self._make_client(self._session)
        loop = self._loop = NetworkLoop(client)
        try:
            client.connect(
                self._settings.host,
                self._settings.port,
                keepalive=self._settings.keepalive_s,
                clean_start=True,
                properties=self._connect_properties(),
            )
            if not self._stopping.is_set():
                loop.run()
        finally:
            self._set_down(client)
            loop.close(says_goodbye=self._stopping.is_set() or self._is_renewing)

    def _renew_where_dates_can_be_checked(self) -> None:
        if self._is_up and self._checks_dates and not self._are_dates_checked:
            log.info("link_renewed to_check_dates=True")
            self._is_renewing = True
            self._end_loop()

    def _make_client(self, session: int) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self.address.device,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=self._settings.manual_ack,
        )
        client.connect_timeout = self._settings.connect_within_s
        client.max_inflight_messages_set(self._settings.max_unconfirmed)
        client.max_queued_messages_set(self._settings.max_unconfirmed)
        client.tls_set_context(_tls_context(self._settings.credentials, checks_dates=self._are_dates_checked))
        client.will_set(self.address.topic(Verb.STATUS), self._status(StatusWhy.WILL, session), qos=1, retain=True)
        client.on_socket_open = self._wrapped(_set_nodelay)
        client.on_connect = self._wrapped(self._on_connect)
        client.on_disconnect = self._wrapped(self._on_disconnect)
        client.on_publish = self._wrapped(self._on_published)
        client.on_message = self._wrapped(self._on_message)
        client.suppress_exceptions = True
        return client

    def _connect_properties(self) -> Properties:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = self._settings.receive_max
        properties.MaximumPacketSize = MAX_PACKET_BYTES
        return properties

    def _set_down(self, client: Client) -> None:
        with self._mutex:
            was_up, self._is_up = self._is_up, False
            if self._client is client:
                self._client = None
                self._mutex.notify_all()
        if was_up:
            log.log(logging.INFO if self._stopping.is_set() else logging.WARNING, "link_lost")
            self._tell(is_up=False)

    def _status(self, why: StatusWhy, session: int | None = None) -> bytes:
        number = session if session is not None else self._session
        return Status(online=why is StatusWhy.BIRTH, session=number, why=why, software=self._software).encode()

    def _tell(self, *, is_up: bool) -> None:
        for listener in self._listeners:
            self._wrapped(listener)(is_up)

    # below: paho's callbacks, on the network thread

    def _on_connect(
        self, client: Client, userdata: object, flags: object, reason: ReasonCode, properties: Properties
    ) -> None:
        if reason.is_failure:
            log.warning("link_refused reason=%s", reason)
            self._end_loop()
            return
        limit = getattr(properties, "ReceiveMaximum", 65_535)
        with self._mutex:
            self._unconfirmed = 1
            self._unconfirmed_limit = max(1, min(self._settings.max_unconfirmed, limit))
            self._client = client
            self._is_up = self._has_stood = True
        status = self._status(StatusWhy.BIRTH)
        client.publish(self.address.topic(Verb.STATUS), status, qos=_AT_LEAST_ONCE, retain=True)
        client.subscribe([(topic_filter, _AT_LEAST_ONCE) for topic_filter in dict(self._handlers)])
        log.info("link_up session=%d", self._session)
        self._tell(is_up=True)
        self._renew_where_dates_can_be_checked()  # the clock may have found its time while the connection was made

    def _on_disconnect(self, client: Client, *details: object) -> None:
        self._set_down(client)
        self._end_loop()

    def _end_loop(self) -> None:
        if self._loop is not None:
            self._loop.end()

    def _on_published(
        self, client: Client, userdata: object, mid: int, reason: ReasonCode, properties: Properties
    ) -> None:
        if reason.is_failure:
            self.refused_publishes += 1
            if self.refused_publishes == 1:
                log.error("publish_refused reason=%s", reason)
        self._count_confirmed(client)
        for listener in self._confirmed_listeners:
            listener()

    def _count_confirmed(self, client: Client) -> None:
        with self._mutex:
            if self._client is client:
                self._unconfirmed -= 1
                self._mutex.notify_all()

    def _on_message(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        received = Received(
            topic=message.topic,
            payload=bytes(message.payload),
            is_retained=message.retain,
            confirm=self._confirmation(client, message),
        )
        handlers = self._handlers_of(received.topic)
        for handler in handlers:
            handler(received)
        if not handlers:
            received.confirm()

    def _handlers_of(self, topic: str) -> tuple[Handler, ...]:
        """Matching a filter costs more than handling a message: what a topic leads to is remembered."""
        known = self._routes.get(topic)
        if known is None:
            found = [handler for topic_filter, handler in self._handlers if topic_matches_sub(topic_filter, topic)]
            known = tuple(self._wrapped(handler) for handler in found)
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
            self._routes[topic] = known
        return known

    def _confirmation(self, client: Client, message: MQTTMessage) -> Callable[[], None]:
        loop = self._loop
        if not self._settings.manual_ack or message.qos != _AT_LEAST_ONCE or loop is None:
            return _nothing

        waiting = [message.mid]

        def confirm() -> None:
            # Once only, and only on its own connection: on the next one this packet id is another message's.
            if waiting and self._client is client:
                loop.confirm(waiting.pop())

        return confirm

    def _on_own_status(self, received: Received) -> None:
        received.confirm()
        try:
            status = Status.decode(received.payload)
        except MessageInvalid:
            status = None
        is_living = self._is_up and not self._stopping.is_set()
        if is_living and (status is None or not status.online or status.session != self._session):
            # A late will of an older session has overwritten the retained birth.
            self.publish(self.address.topic(Verb.STATUS), self._status(StatusWhy.BIRTH), is_retained=True)

    def _wrapped(self, function: Callable[..., None]) -> Callable[..., Any]:
        def guarded(*arguments: object) -> None:
            try:
                function(*arguments)
            except Exception:  # an exception would end the network thread
                self.callback_failures += 1
                log.exception("link_callback_failed")

        return guarded


def _tls_context(credentials: Credentials, *, checks_dates: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(credentials.ca))
        context.load_cert_chain(str(credentials.certificate), str(credentials.key))
    except (OSError, ssl.SSLError) as error:
        raise IdentityInvalid(f"{credentials.certificate.parent}: {error}: provision the device") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = GatheringSocket
    if not checks_dates:
        context.verify_flags |= _NO_CHECK_TIME
    return context


def _set_nodelay(client: Client, userdata: object, sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _nothing() -> None:
    """Nobody waits for a confirmation."""
