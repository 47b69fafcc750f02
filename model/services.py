"""What a guard does beside the rules, and why; the words stand in records and are never renamed."""

from enum import Enum
from typing import Final

PEOPLE_MAX: Final = 9
"""Who come together: on one household card, or as one crew."""


class ServiceReason(Enum):
    """Why somebody without a pass is let through."""

    AMBULANCE = "ambulance"
    POLICE = "police"
    FIRE_BRIGADE = "fire_brigade"
    REPAIR = "repair"
    UTILITIES = "utilities"
    DISINFECTION = "disinfection"
    OFFICIAL = "official"
    HELPING_HAND = "helping_hand"  # somebody who carries, pushes or leads a resident
    OTHER = "other"


class IdentifiedWhy(Enum):
    """Why a guard had to know a household instead of the scanner."""

    FORGOTTEN_CARD = "forgotten_card"
    NO_PHONE = "no_phone"
    CARD_UNREADABLE = "card_unreadable"
    SCANNER_LOST = "scanner_lost"
