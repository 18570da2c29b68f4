"""What ``chronyc -c`` prints, parsed. Fields and their order are those of chronyc(1) and chrony's client.c."""

from __future__ import annotations

from dataclasses import dataclass

LOCAL_REFID = "7F7F0101"
"""The reference ID of ``local``: chronyd serves its own free-running clock."""

NEVER = 4294967295


@dataclass(frozen=True)
class Tracking:
    """``chronyc -c tracking``. ``system_time_s`` > 0: the clock is slow of NTP time, so the node is *behind*."""

    refid: str
    name: str
    leap: str
    stratum: int
    ref_time_s: float
    system_time_s: float
    last_offset_s: float
    rms_offset_s: float
    frequency_ppm: float
    residual_freq_ppm: float
    skew_ppm: float
    root_delay_s: float
    root_dispersion_s: float
    update_interval_s: float

    @property
    def max_error_s(self) -> float:
        """chrony's own bound of the clock's error: chronyc(1), "tracking", Root dispersion."""
        return abs(self.system_time_s) + self.root_dispersion_s + self.root_delay_s / 2


@dataclass(frozen=True)
class Source:
    """A row of ``chronyc -c sources``. ``last_rx_s`` is None where nothing was ever received."""

    mode: str
    state: str
    name: str
    stratum: int
    poll: int
    reach: int
    last_rx_s: int | None
    adjusted_offset_s: float
    measured_offset_s: float
    error_s: float


def parse_tracking(text: str) -> Tracking:
    """Parse the one row, for example ``0A4D0001,10.77.0.1,6,1700000000.5,0.000001,...,Normal`` (14 fields).

    Raises ValueError where it is not that.
    """
    fields = text.strip().split(",")
    if len(fields) != 14:
        raise ValueError(f"chronyc tracking: expected 14 fields, found {len(fields)}")
    refid, name, stratum, *numbers, leap = fields
    return Tracking(refid, name, leap, int(stratum), *(float(number) for number in numbers))


def parse_sources(text: str) -> list[Source]:
    """Parse the rows, for example ``^,*,10.77.0.1,5,6,377,12,0.000001,0.000002,0.000100`` (10 fields; reach is octal).

    Raises ValueError where a row is not that.
    """
    sources = []
    for line in text.splitlines():
        fields = line.split(",")
        if len(fields) != 10:
            raise ValueError(f"chronyc sources: expected 10 fields, found {len(fields)}: {line!r}")
        mode, state, name, stratum, poll, reach, last_rx, adjusted, measured, error = fields
        sources.append(
            Source(
                mode,
                state,
                name,
                int(stratum),
                int(poll),
                int(reach, 8),
                None if int(last_rx) == NEVER else int(last_rx),
                float(adjusted),
                float(measured),
                float(error),
            )
        )
    return sources
