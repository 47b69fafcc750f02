"""Everything that a panel has in its hands: each gate's people, cables, clocks, power; orders in, state out."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import assert_never

from simulator.cable import Cable
from simulator.errors import PanelRefused
from simulator.panel import orders
from simulator.panel.clock_twin import ClockTwin
from simulator.panel.hands import GateHands
from simulator.panel.plan import PanelPlan
from simulator.panel.power_line import PowerLine
from simulator.people import Resident
from simulator.pictures import Frame
from simulator.visit import Clock, Place
from simulator.wires import Gate


class Board:
    """All gates of a street. Every method may be called from any thread; `carry_out` may take two seconds."""

    def __init__(
        self,
        plan: PanelPlan,
        places: Sequence[tuple[Gate, Place]],
        people: Sequence[Resident],
        clock: Clock,
        *,
        seed: int,
        say: Callable[[dict[str, object]], None],
    ) -> None:
        """say: tells whoever keeps the street running. Gates that the plan does not name are left alone."""
        self._plan = plan
        self._people = people
        self.power = PowerLine(say)
        by_pass: Mapping[str, Resident] = {each.wallet.pass_id: each for each in people}
        known = [(gate, place) for gate, place in places if place.name in plan.gates]
        self._hands = {
            place.name: GateHands(gate, place, by_pass, clock, random.Random(seed * 1000 + 300 + index))
            for index, (gate, place) in enumerate(known)
        }
        self._cables = {
            device: Cable(listens_on=links.cable_port, leads_to=plan.broker_port)
            for device, links in plan.gates.items()
        }
        self._clocks = {device: ClockTwin(links.clock_file) for device, links in plan.gates.items()}

    def start(self) -> None:
        """Lay the cables, set the clocks right, watch what is held. Raises OSError when a cable's port is taken."""
        for clock in self._clocks.values():
            clock.put(offset_s=0.0, is_synchronised=True)
        for cable in self._cables.values():
            cable.start()
        for hands in self._hands.values():
            hands.start()

    def stop(self) -> None:
        """Take the cables away."""
        for cable in self._cables.values():
            cable.stop()

    def carry_out(self, device: str, order: orders.Order) -> None:
        """Do what was asked for. Raises PanelRefused."""
        hands = self._at(device)
        match order:
            case orders.Stand():
                hands.stand(is_there=order.is_there)
            case orders.HoldForehead():
                hands.hold_forehead(is_held=order.is_held, stays=order.stays)
            case orders.SetBody():
                hands.be(order.kind)
            case orders.SetSurroundings():
                hands.set_surroundings(
                    skin_c=order.skin_c, distance_cm=order.distance_cm, air_c=order.air_c, can_c=order.can_c
                )
            case orders.ShowResident():
                hands.show_resident(order.pass_id, order.scanner, order.how)
            case orders.TypeText():
                hands.type_text(order.text)
            case orders.TakeAway():
                hands.take_away()
            case orders.Press():
                hands.press(order.role)
            case orders.Put():
                hands.put(order.role, is_active=order.is_active)
            case orders.WalkThrough():
                hands.walk_through()
            case orders.LetPeopleWalk():
                hands.let_people_walk(walk=order.walk)
            case _:
                self._pull(device, hands, order)

    def show_picture(self, device: str, frame: Frame, *, is_live: bool) -> None:
        """Hold a picture before a gate's camera. Raises PanelRefused."""
        hands = self._at(device)
        if is_live:
            hands.show_live(frame)
        else:
            hands.show_picture(frame)

    def seen_by_camera(self, device: str) -> Frame | None:
        """What is before a gate's camera; None when it is pulled out, or there is none. Raises PanelRefused."""
        camera = self._at(device).gate.camera
        return camera.frame if camera is not None and camera.is_plugged else None

    def state(self) -> dict[str, object]:
        """How everything stands."""
        return {
            "center_url": self._plan.center_url,
            "gates": [self._gate_state(device, hands) for device, hands in self._hands.items()],
        }

    def people(self) -> list[dict[str, object]]:
        """Who lives here, masked as a guard would see them."""
        return [
            {
                "pass_id": each.wallet.pass_id,
                "name": each.name,
                "household": each.household,
                "carrier": each.carrier.value,
                "behaviour": each.behaviour.value,
            }
            for each in self._people
        ]

    def _pull(
        self,
        device: str,
        hands: GateHands,
        order: orders.PutNetwork
        | orders.TroubleThermometer
        | orders.PlugScanner
        | orders.PlugCamera
        | orders.SwitchMains
        | orders.FillDisk
        | orders.SetClock,
    ) -> None:
        match order:
            case orders.PutNetwork():
                self._cables[device].put(order.state)
            case orders.TroubleThermometer():
                hands.place.surroundings.trouble = order.trouble
            case orders.PlugScanner():
                if hands.gate.scanner is None:
                    raise PanelRefused("not_wired")
                (hands.gate.scanner.plug if order.is_plugged else hands.gate.scanner.close)()
            case orders.PlugCamera():
                if hands.gate.camera is None:
                    raise PanelRefused("not_wired")
                (hands.gate.camera.plug if order.is_plugged else hands.gate.camera.pull)()
            case orders.SwitchMains():
                self.power.switch_mains(device, is_on=order.is_on)
            case orders.FillDisk():
                self.power.fill_disk(device, is_full=order.is_full)
            case orders.SetClock():
                self._clocks[device].put(offset_s=order.offset_s, is_synchronised=order.is_synchronised)
            case _:
                assert_never(order)

    def _gate_state(self, device: str, hands: GateHands) -> dict[str, object]:
        power, clock = self.power.of(device), self._clocks[device]
        return {
            "device": device,
            "direction": hands.gate.wiring.direction,
            "kiosk_url": self._plan.gates[device].kiosk_url,
            **hands.state(),
            "network": self._cables[device].state.value,
            "mains": power.mains,
            "disk_full": power.disk_full,
            "clock": {"offset_s": clock.offset_s, "is_synchronised": clock.is_synchronised},
        }

    def _at(self, device: str) -> GateHands:
        hands = self._hands.get(device)
        if hands is None:
            raise PanelRefused("no_such_gate")
        return hands
