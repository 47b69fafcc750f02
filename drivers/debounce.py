"""Debounce of one contact, pure: edges and ticks in, changes out.

Rules: a level counts once the contact has kept it for debounce_s without a break; then the change is reported, dated at
the end of that time. Edges carry their own time, so a level that was kept long enough is reported even when nobody
looked until it was over. Ours, because the mock pins ignore a bounce time and gpiozero's own restarts by other rules.

    state          edge to other level      edge back                        time
    steady         -> changing since edge   -                                -
    changing       -                        kept long enough: report, then   kept long enough: report -> steady
                                            changing back since this edge;
                                            else -> steady, nothing reported
"""

from dataclasses import dataclass

from model.clock import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A debounced change. at: when the level had been kept for the debounce time."""

    at: Instant
    level: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """What is known of a contact: its debounced level, and since when the raw level differs from it, if it does."""

    level: bool
    changing_since: Instant | None = None

    @property
    def raw_level(self) -> bool:
        """The level after the last edge."""
        return self.level is (self.changing_since is None)


def after_edge(contact: Contact, at: Instant, level: bool, debounce_s: float) -> tuple[Contact, tuple[Change, ...]]:
    """The contact after its raw level became `level` at `at`; an edge to the level that it has changes nothing."""
    contact, changes = after_time(contact, at, debounce_s)
    if level is contact.raw_level:
        return contact, changes
    if level is contact.level:
        return Contact(level=contact.level), changes
    return Contact(level=contact.level, changing_since=at), changes


def after_time(contact: Contact, now: Instant, debounce_s: float) -> tuple[Contact, tuple[Change, ...]]:
    """The contact at `now` when no further edge came until then."""
    due = due_at(contact, debounce_s)
    if due is None or now < due:
        return contact, ()
    return Contact(level=not contact.level), (Change(at=due, level=not contact.level),)


def due_at(contact: Contact, debounce_s: float) -> Instant | None:
    """When to look again if no edge comes; None when the contact is steady."""
    return None if contact.changing_since is None else Instant(contact.changing_since + debounce_s)
