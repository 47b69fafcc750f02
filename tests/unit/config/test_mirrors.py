"""Settings name hardware as the drivers do, though neither imports the other."""

from typing import get_args

from config.sections import InputRole, Thermometer
from drivers.mlx90614_words import Mlx90614Variant
from drivers.ports import ContactRole


def test_roles_of_inputs_are_the_drivers_roles() -> None:
    assert {role.value for role in InputRole} == {role.value for role in ContactRole}


def test_variants_of_the_thermometer_are_the_driver_s_variants() -> None:
    variants = get_args(Thermometer.model_fields["variant"].annotation)
    assert set(variants) == {variant.value for variant in Mlx90614Variant}
