"""One publisher, subscriber or proxy on plain pyzmq: the same job and the same arguments as libzmq.c.

    pyzmq_client.py proxy | version
    pyzmq_client.py publisher INDEX PUBLISHERS PAYLOAD RATE SUBSCRIPTIONS bind|connect ENDPOINT
    pyzmq_client.py subscriber INDEX PUBLISHERS PAYLOAD RATE ENDPOINT...
"""
import json
import struct
import sys
import time

import zmq

CHECK = 0x5BD1E995
LAST = 0x80000000
FILLING = 24
SILENCE_MS = 3000


def say(message):
    print(json.dumps(message), flush=True)


def now_ms():
    return time.time_ns() / 1e6


def sleep_until(ms):
    wait = ms - now_ms()
    if wait > 0:
        time.sleep(wait / 1e3)


def ready_then_go():
    say({"type": "ready"})
    return json.loads(sys.stdin.readline())


def open_socket(context, kind):
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 5000)
    if kind == zmq.XPUB:
        socket.setsockopt(zmq.XPUB_NODROP, 1)
    return socket


def run_proxy(context):
    front, back = open_socket(context, zmq.XSUB), open_socket(context, zmq.XPUB)
    for socket in (front, back):
        socket.bind("tcp://127.0.0.1:*")
    ends = [socket.getsockopt_string(zmq.LAST_ENDPOINT) for socket in (front, back)]
    print("proxy", *ends, flush=True)
    zmq.proxy(front, back)


def publisher(context, index, publishers, size, rate, subscriptions, how, endpoint):
    socket = open_socket(context, zmq.XPUB)
    socket.setsockopt(zmq.XPUB_VERBOSE, 1)
    (socket.bind if how == "bind" else socket.connect)(endpoint)
    for _ in range(int(subscriptions)):
        socket.recv()
    go = ready_then_go()
    sleep_until(go["start"])
    sample = struct.Struct(f"<IIdd{size - FILLING - 4}sI")
    fillings = [bytes([byte]) * (size - FILLING - 4) for byte in range(256)]
    pack, send, end = sample.pack, socket.send, go["to"]
    sequence = 0
    if rate > 0:
        interval = 1000 / rate
        first = go["start"] + interval * index / publishers
        while True:
            intended = first + sequence * interval
            if intended >= end:
                break
            sleep_until(intended)
            send(pack(index, sequence, intended, now_ms(), fillings[sequence >> 8 & 255], sequence ^ CHECK))
            sequence += 1
    else:
        while now_ms() < end:
            for _ in range(64):
                send(pack(index, sequence, 0, 0, fillings[sequence >> 8 & 255], sequence ^ CHECK))
                sequence += 1
    send(pack(index | LAST, sequence, 0, 0, fillings[sequence >> 8 & 255], sequence ^ CHECK))
    say({"type": "published", "count": sequence + 1})
    socket.close()
    context.term()


def subscriber(context, publishers, size, rate, endpoints):
    socket = open_socket(context, zmq.SUB)
    socket.setsockopt(zmq.SUBSCRIBE, b"")
    for endpoint in endpoints:
        socket.connect(endpoint)
    time.sleep(0.3)
    go = ready_then_go()
    socket.setsockopt(zmq.RCVTIMEO, SILENCE_MS)
    unpack = struct.Struct(f"<IIdd{size - FILLING - 4}sI").unpack
    fillings = [bytes([byte]) * (size - FILLING - 4) for byte in range(256)]
    start, end = go["from"], go["to"]
    following = [0] * publishers
    received = missing = repeated = corrupt = finished = looked = 0
    first = last = None
    intended_counts, sent_counts = {}, {}
    recv = socket.recv
    now = 0
    while finished < publishers:
        try:
            payload = recv()
        except zmq.Again:
            if now_ms() > end:
                break
            continue
        if rate > 0 or looked % 64 == 0:
            now = now_ms()
            if now >= start:
                if first is None:
                    first = (now, received)
                if now <= end or last is None:
                    last = (now, received)
        looked += 1
        if len(payload) != size:
            corrupt += 1
            continue
        source, sequence, intended, sent, filling, check = unpack(payload)
        origin = source & ~LAST
        if (
            origin >= publishers
            or check != sequence ^ CHECK
            or filling != fillings[sequence >> 8 & 255]
        ):
            corrupt += 1
            continue
        if sequence != following[origin]:
            if sequence < following[origin]:
                repeated += 1
                continue
            missing += sequence - following[origin]
        following[origin] = sequence + 1
        received += 1
        if rate > 0 and start <= intended < end:
            for counts, since in ((intended_counts, intended), (sent_counts, sent)):
                microseconds = max(0, round((now - since) * 1000))
                counts[microseconds] = counts.get(microseconds, 0) + 1
        if source & LAST:
            finished += 1
    say({
        "type": "received",
        "received": received,
        "faults": {"missing": missing, "repeated": repeated, "corrupt": corrupt},
        "measured": last[1] - first[1] if first else 0,
        "seconds": (last[0] - first[0]) / 1000 if first else 0,
        "intended": sorted(intended_counts.items()),
        "sent": sorted(sent_counts.items()),
    })


def main():
    role, *rest = sys.argv[1:]
    context = zmq.Context()
    if role == "version":
        print(f"{zmq.__version__} (libzmq {zmq.zmq_version()})")
    elif role == "proxy":
        run_proxy(context)
    else:
        index, publishers, size = (int(each) for each in rest[:3])
        rate = float(rest[3])
        if role == "publisher":
            publisher(context, index, publishers, size, rate, *rest[4:])
        else:
            subscriber(context, publishers, size, rate, rest[4:])


main()
