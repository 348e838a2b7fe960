"""An IAX2 peer whose line is always busy: it takes each call and says so, no more (RFC 5456).

`python busy_peer.py` listens on the port of IAX2 until it is killed.
"""

import socket
import struct

PORT = 4569
OUR_CALL = 1
FULL = 0x8000
IAX = 6  # the kind of all frames that are looked at
NEW, PING, ACK, HANGUP, ACCEPT = 1, 2, 4, 5, 7
CAUSE_USER_BUSY = struct.pack("!BBB", 42, 1, 17)
FORMAT_SLINEAR = struct.pack("!BBI", 9, 4, 0x40)
HEAD = struct.Struct("!HHIBBBB")


def serve() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", PORT))
        while True:
            frame, sender = peer.recvfrom(4096)
            for answer in answers_to(frame):
                peer.sendto(answer, sender)


def answers_to(frame: bytes) -> list[bytes]:
    """Return what to send back: the call is taken up, and then ended because the line is busy."""
    if len(frame) < HEAD.size or not frame[0] & 0x80:
        return []
    source, _, time, out_number, _, kind, what = HEAD.unpack_from(frame)
    call, expected = source & ~FULL, (out_number + 1) & 0xFF
    if kind != IAX or what == ACK:
        return []
    if what == NEW:
        head = HEAD.pack(FULL | OUR_CALL, call, time + 1, 0, expected, IAX, ACCEPT)
        return [head + FORMAT_SLINEAR]
    if what == PING:
        head = HEAD.pack(FULL | OUR_CALL, call, time, 1, expected, IAX, HANGUP)
        return [head + CAUSE_USER_BUSY]
    return [HEAD.pack(FULL | OUR_CALL, call, time, 2, expected, IAX, ACK)]


if __name__ == "__main__":
    serve()
