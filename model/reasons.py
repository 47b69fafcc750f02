"""Why a decision came out as it did. The codes stand in records and are never renamed; texts hang on them."""

from enum import Enum


class Outcome(Enum):
    """What a decision orders. REFERRED hands the person to the guard; nothing opens by itself."""

    GRANTED = "granted"
    DENIED = "denied"
    REFERRED = "referred"


class Reason(Enum):
    ADMITTED = "admitted"
    ADMITTED_WATCHED = "admitted_watched"  # passes, and the colour is watched closely
    ADMITTED_VOUCHED = "admitted_vouched"  # a guard knew the household; the rules did the rest
    EMERGENCY_EXIT = "emergency_exit"  # fire, birth, illness: no quota stops it, and it is registered afterwards
    SERVICE_ADMITTED = "service_admitted"  # an ambulance, the police, a repair crew, let in by the guard
    VISITOR_ADMITTED = "visitor_admitted"  # registered by a guard, and the rules did the rest
    GUARD_CONFIRMED = "guard_confirmed"
    GUARD_REFUSED = "guard_refused"
    # the code
    NO_CODE = "no_code"  # none was shown
    NOT_A_PASS = "not_a_pass"
    CODE_DAMAGED = "code_damaged"
    CODE_FORGED = "code_forged"
    SEVERAL_CODES = "several_codes"
    OTHER_COMMUNITY = "other_community"
    PASS_EXPIRED = "pass_expired"
    PASS_NOT_YET_VALID = "pass_not_yet_valid"
    PASS_NOT_ON_DIRECTORY = "pass_not_on_directory"
    PASS_REVOKED = "pass_revoked"
    PASS_SUSPENDED = "pass_suspended"
    HOLDER_CODE_MISSING = "holder_code_missing"
    HOLDER_CODE_STALE = "holder_code_stale"
    CODE_USED = "code_used"
    # the rules
    WRONG_GATE = "wrong_gate"
    HOUSEHOLD_NOT_ON_DIRECTORY = "household_not_on_directory"
    HOUSEHOLD_ISOLATED = "household_isolated"
    COLOUR_NOT_ALLOWED = "colour_not_allowed"
    KIND_NOT_ALLOWED = "kind_not_allowed"  # this kind of pass does not go this way
    SHOWN_TWICE = "shown_twice"  # the same pass went the same way already
    CURFEW = "curfew"
    SHIFT_UNKNOWN = "shift_unknown"  # a work certificate that does not state its shift
    OUTSIDE_SHIFT = "outside_shift"
    EMPLOYER_LISTED = "employer_listed"  # on the black list
    QUOTA_USED = "quota_used"  # the household has been out
    TOO_MANY_PEOPLE = "too_many_people"  # more than may go out together
    OUTING_UNANSWERED = "outing_unanswered"  # the centre has not said whether the household may go out
    VISITORS_TURNED_BACK = "visitors_turned_back"
    VISITORS_AT_THE_GATE = "visitors_at_the_gate"  # whoever they visit comes out to them
    DELIVERIES_TURNED_BACK = "deliveries_turned_back"
    DELIVERIES_AT_THE_GATE = "deliveries_at_the_gate"  # handed over there
    HOST_ISOLATED = "host_isolated"  # nobody visits a household in isolation
    TEMPERATURE_HIGH = "temperature_high"
    TEMPERATURE_INDETERMINATE = "temperature_indeterminate"
    QUESTION_ANSWERED_YES = "question_answered_yes"
    VEHICLE_UNKNOWN = "vehicle_unknown"  # from outside: it has no pass, or its household has no vehicle
    PLATE_DIFFERS = "plate_differs"  # from those of the pass's household
    OCCUPANTS_DIFFER = "occupants_differ"  # not as many were checked as are in the vehicle
    OUTSIDER_INSIDE = "outsider_inside"  # somebody in the vehicle who belongs to nobody here
    # the gate's own state
    NO_DIRECTORY = "no_directory"
    CLOCK_NOT_TRUSTED = "clock_not_trusted"
    JOURNAL_UNAVAILABLE = "journal_unavailable"
    SCANNER_UNAVAILABLE = "scanner_unavailable"
    THERMOMETER_UNAVAILABLE = "thermometer_unavailable"
    # why a guard is called beside a visit
    RESIDENT_CALLS = "resident_calls"
    VEHICLE_WAITS = "vehicle_waits"  # for a guard who looks at it, or at what its people were refused for
    VEHICLE_TURNED_BACK = "vehicle_turned_back"  # all that the street is told; the guard sees the decision's reason
