"""A bounce of 50 ms is never reported, an opening of 200 ms always."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.contact import DEBOUNCE_S
from drivers.debounce import Change, Contact, after_edge, after_time
from model.clock import Instant

CLOSED = Contact(level=False)


def play(edges: list[tuple[float, bool]], looks: list[float], debounce_s: float = DEBOUNCE_S) -> list[Change]:
    """Feed edges in their order, looking at the clock only at `looks`: a slow poll sees everything late."""
    contact = CLOSED
    changes: list[Change] = []
    moments = sorted([(at, 1, level) for at, level in edges] + [(at, 0, False) for at in looks])
    for at, is_edge, level in moments:
        if is_edge:
            contact, found = after_edge(contact, Instant(at), level, debounce_s)
        else:
            contact, found = after_time(contact, Instant(at), debounce_s)
        changes += found
    return changes


def test_steady_contact_reports_nothing() -> None:
    assert play([], [1, 2, 3]) == []


def test_change_is_dated_at_the_end_of_the_debounce_time() -> None:
    (change,) = play([(1.0, True)], [5.0], debounce_s=0.1)
    assert change == Change(at=Instant(1.1), level=True)


@given(st.lists(st.floats(0.0001, 0.05), min_size=1, max_size=30), st.lists(st.floats(0, 5), max_size=20))
def test_bounces_of_up_to_50_ms_are_never_reported(pulses: list[float], looks: list[float]) -> None:
    at, edges = 1.0, []
    for pulse in pulses:
        edges += [(at, True), (at + pulse, False)]
        at += pulse + 0.001
    quiet = [look for look in looks if look <= 1.0 or look >= at]
    assert play(edges, quiet) == []


@given(
    st.floats(0.2, 3),
    st.lists(st.floats(0.0005, 0.005), max_size=5),
    st.lists(st.floats(0, 20), max_size=5),
)
def test_opening_of_200_ms_is_always_reported_however_slow_the_poll(
    duration: float, chatter: list[float], looks: list[float]
) -> None:
    at, edges = 1.0, []
    for pulse in chatter:  # chatter while the contact begins to open
        edges += [(at, True), (at + pulse, False)]
        at += 2 * pulse
    edges += [(at, True), (at + duration, False)]
    levels = [change.level for change in play(edges, [*looks, 30.0])]
    assert levels == [True, False]


def test_without_edge_times_a_slow_poll_would_miss_the_opening() -> None:
    """Ablation: the same opening judged by the time of delivery alone."""
    delivered_at = 9.0
    assert play([(delivered_at, True), (delivered_at + 1e-6, False)], [30.0]) == []


def test_without_debounce_a_bounce_would_be_reported() -> None:
    """Ablation: a debounce time of nothing."""
    assert play([(1.0, True), (1.01, False)], [2.0], debounce_s=0.0) != []


def test_repeated_edge_to_the_same_level_changes_nothing() -> None:
    assert [change.at for change in play([(1.0, True), (1.05, True)], [2.0], debounce_s=0.1)] == [1.1]
