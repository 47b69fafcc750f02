"""What an input of the gate means to the core."""

from typing import assert_never

from drivers.ports import ContactChanged, ContactRole
from gate.core import events as ev


def event_of_contact(changed: ContactChanged) -> ev.Event | None:
    """What a contact means to the core. A button means something when it goes down, never when it was down already."""
    at, is_active = changed.at, changed.is_active
    match changed.role:
        case ContactRole.DOOR:
            return ev.DoorContactChanged(at=at, is_open=is_active, is_initial=changed.is_initial)
        case ContactRole.PRESENCE:
            return ev.PresenceChanged(at=at, is_present=is_active)
        case ContactRole.OBSTRUCTION:
            return ev.ObstructionChanged(at=at, is_obstructed=is_active)
        case ContactRole.FIRE:
            return ev.FireChanged(at=at, is_alarm=is_active)
        case ContactRole.BREAK_GLASS:
            return ev.BreakGlassChanged(at=at, is_broken=is_active)
        case ContactRole.TAMPER:
            return ev.TamperChanged(at=at, is_tampered=is_active)
    if not is_active or changed.is_initial:
        return None
    match changed.role:
        case ContactRole.ANSWER_YES | ContactRole.ANSWER_NO:
            return ev.QuestionAnswered(at=at, is_yes=changed.role is ContactRole.ANSWER_YES)
        case ContactRole.GUARD_CONFIRM | ContactRole.GUARD_REFUSE:
            return ev.GuardDecided(at=at, is_confirmed=changed.role is ContactRole.GUARD_CONFIRM)
        case ContactRole.GUARD_EMERGENCY:
            return ev.EmergencyReleaseOrdered(at=at)
        case ContactRole.REX:
            return ev.ExitRequested(at=at)
        case ContactRole.GUARD_BELL:
            return ev.BellRung(at=at)
        case _:
            assert_never(changed.role)
