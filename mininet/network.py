#!/usr/bin/python3
"""Mininet networks for pubsub: trees of switches, or hosts around one switch.

    sudo ./network.py cli   --topo tree,2,3       a network with Mininet's own prompt
    sudo ./network.py serve --topo single,8       one JSON line with the hosts, up until standard input ends

`pubsub perf --mininet` runs `serve` and starts its processes in the hosts with mnexec.

Guarantee of `serve`: however it ends (end of input, SIGTERM, an error), every process in the hosts is killed and
the network is removed. SIGINT is left to the program that reads us: Ctrl-C at a terminal reaches both. Of Linux
bridges the switches, too, are in a network namespace of their own: nothing on the machine is in their way, not even
another such network or its rules for packets, and when this process is killed the kernel removes them.
"""

import argparse
import ctypes
import glob
import json
import os
import re
import signal
import subprocess
import sys

INSTALL = "apt-get install -y mininet bridge-utils iputils-ping"
CLONE_NEWNET = 0x40000000  # linux/sched.h; os.unshare is there from Python 3.12


class NetworkError(Exception):
    """Says in one line what is missing and what to do."""


def parse_topo(text):
    """`tree,DEPTH,FANOUT` or `single,HOSTS` as a tuple."""
    match = re.fullmatch(r"tree,(\d+),(\d+)|single,(\d+)", text)
    if match is None:
        raise argparse.ArgumentTypeError("must be tree,DEPTH,FANOUT or single,HOSTS: got %r" % text)
    depth, fanout, hosts = match.groups()
    return ("tree", int(depth), int(fanout)) if hosts is None else ("single", int(hosts))


def make_topo(shape):
    from mininet.topo import SingleSwitchTopo
    from mininet.topolib import TreeTopo

    return TreeTopo(depth=shape[1], fanout=shape[2]) if shape[0] == "tree" else SingleSwitchTopo(k=shape[1])


def quiet(*command):
    """Whether a command succeeds."""
    try:
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        return False


def check_shaping(delay, bandwidth):
    """Tries the queue disciplines on the loopback of a namespace of its own, before any link needs them."""
    for wanted, name, arguments in (
        (delay, "netem", ["delay", "1ms"]),
        (bandwidth, "htb", ["default", "1"]),
    ):
        if wanted is None:
            continue
        tried = ["unshare", "-n", "tc", "qdisc", "add", "dev", "lo", "root", name] + arguments
        if not quiet(*tried):
            flag = "--link-delay" if name == "netem" else "--bandwidth"
            raise NetworkError(
                "this kernel has no queue discipline '%s' (module sch_%s): run without %s" % (name, name, flag)
            )


def switch_class(kind):
    if kind == "linuxbridge":
        from mininet.nodelib import LinuxBridge

        if not quiet("which", "brctl"):
            raise NetworkError("brctl is missing: " + INSTALL)
        return LinuxBridge
    from mininet.node import OVSBridge

    if not quiet("ovs-vsctl", "--timeout=5", "show"):
        raise NetworkError(
            "Open vSwitch does not run (service openvswitch-switch start; package openvswitch-switch): "
            "run it, or use --switch linuxbridge"
        )
    if not os.path.isdir("/sys/module/openvswitch") and not quiet("modprobe", "openvswitch"):
        raise NetworkError("this kernel has no module openvswitch: use --switch linuxbridge")
    return OVSBridge


def leave_network():
    """Moves this process, and what it starts, into a new network namespace."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise NetworkError("no network namespace can be made: %s" % os.strerror(ctypes.get_errno()))


def build(options):
    """The network, started."""
    if os.geteuid() != 0:
        raise NetworkError("Mininet needs root: use sudo")
    try:
        from mininet.net import Mininet
        from mininet.link import Link, TCLink
        from mininet.log import setLogLevel
    except ImportError as error:
        raise NetworkError("Mininet's Python library is missing (%s): %s" % (error, INSTALL)) from error
    setLogLevel("info" if options.command == "cli" else "warning")
    check_shaping(options.link_delay, options.bandwidth)
    # Raises limits of the whole machine, which a namespace does not show. Its warning says what it costs.
    Mininet.init()
    # Open vSwitch's daemon has its switches in the machine's own; at the prompt one wants to look on with tcpdump.
    if options.command == "serve" and options.switch == "linuxbridge":
        leave_network()
    shaping = {}
    if options.link_delay is not None:
        shaping["delay"] = options.link_delay
    if options.bandwidth is not None:
        shaping["bw"] = options.bandwidth
    net = Mininet(
        topo=make_topo(options.topo),
        switch=switch_class(options.switch),
        controller=None,
        link=(lambda *nodes, **more: TCLink(*nodes, **{**more, **shaping})) if shaping else Link,
        build=False,
    )
    try:
        net.build()
        net.start()
    except Exception as error:
        net.stop()
        raise NetworkError("%s (left over from a crash? then: mn -c)" % str(error).strip().replace("\n", " ")) from error
    return net


def kill_inside(net):
    """Kills every process in the hosts' network namespaces but the hosts' own shells."""
    namespaces = {os.readlink("/proc/%d/ns/net" % host.pid) for host in net.hosts}
    namespaces.discard(os.readlink("/proc/self/ns/net"))
    shells = {host.pid for host in net.hosts}
    for link in glob.glob("/proc/[0-9]*/ns/net"):
        pid = int(link.split("/")[2])
        try:
            if pid not in shells and os.readlink(link) in namespaces:
                os.kill(pid, signal.SIGKILL)
        except OSError:
            pass  # It has ended by itself.


def serve(options):
    """Announces the hosts and keeps them until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    net = None
    try:
        net = build(options)
        hosts = [{"name": host.name, "ip": host.IP(), "pid": host.pid} for host in net.hosts]
        print(json.dumps({"hosts": hosts, "switch": options.switch}), flush=True)
        while sys.stdin.buffer.read(4096):
            pass
    except NetworkError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return 1
    except BrokenPipeError:
        return 1  # Whoever asked for the network is gone: there is nobody to tell.
    finally:
        if net is not None:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            kill_inside(net)
            net.stop()
    return 0


def cli(options):
    """Mininet's own prompt, e.g. to type the README's walk-through by hand."""
    from mininet.cli import CLI

    net = build(options)
    try:
        CLI(net)
    finally:
        kill_inside(net)
        net.stop()
    return 0


def main():
    parser = argparse.ArgumentParser(description="Mininet networks for pubsub")
    parser.add_argument("command", choices=["serve", "cli"])
    parser.add_argument("--topo", type=parse_topo, required=True, help="tree,DEPTH,FANOUT or single,HOSTS")
    parser.add_argument("--switch", choices=["linuxbridge", "ovs"], default="linuxbridge")
    parser.add_argument("--link-delay", metavar="TIME", help="delay of every link, e.g. 5ms")
    parser.add_argument("--bandwidth", metavar="MBIT", type=float, help="bandwidth of every link, Mbit/s")
    options = parser.parse_args()
    try:
        return serve(options) if options.command == "serve" else cli(options)
    except NetworkError as error:
        print("network.py: %s" % error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
