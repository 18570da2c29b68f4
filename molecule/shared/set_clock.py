"""Sets this machine's clock so many seconds off the time of an NTP server: `set_clock.py SERVER
OFFSET_S`.
"""

import socket
import struct
import sys
import time

NTP_TO_UNIX_S = 2_208_988_800

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    udp.settimeout(5)
    udp.connect((sys.argv[1], 123))
    udp.send(bytes([4 << 3 | 3]) + bytes(47))  # version 4, client (RFC 5905, figure 8)
    seconds, fraction = struct.unpack_from("!II", udp.recv(512), 40)
time.clock_settime(time.CLOCK_REALTIME, seconds - NTP_TO_UNIX_S + fraction / 2**32 + float(sys.argv[2]))
