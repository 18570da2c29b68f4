"""Notes every step of the clock in /run/clock-steps: what it moved against the monotonic clock
faster than a slew could.
"""

import time
from pathlib import Path

#: chronyd slews by 0.083 s in a second at the most.
STEP_S = 0.5

steps = Path("/run/clock-steps")
steps.write_text("")
before_s = time.time() - time.monotonic()
while True:
    time.sleep(0.2)
    now_s = time.time() - time.monotonic()
    if abs(now_s - before_s) > STEP_S:
        with steps.open("a") as file:
            file.write(f"{now_s - before_s:+.3f}\n")
    before_s = now_s
