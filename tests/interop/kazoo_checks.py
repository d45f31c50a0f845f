#!/usr/bin/python3
"""What an independent client (kazoo) expects of a ZooKeeper server, checked against any address.

    /usr/bin/python3 tests/interop/kazoo_checks.py HOST:PORT

Every check works below its own node and has a deadline. Prints one line a check and, last, "N passed, N failed";
exits with 1 when one failed.
"""
import logging
import socket
import struct
import sys
import threading
import time
import traceback
import uuid

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import (
    AuthFailedError,
    BadVersionError,
    InvalidACLError,
    NoAuthError,
    NoChildrenForEphemeralsError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
    RuntimeInconsistency,
)
from kazoo.protocol.states import EventType
from kazoo.recipe.watchers import PatientChildrenWatch
from kazoo.security import make_acl, make_digest_acl, OPEN_ACL_UNSAFE, READ_ACL_UNSAFE

ADDRESS = sys.argv[1]
DEADLINE = 20
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def connect(**options):
    client = KazooClient(hosts=ADDRESS, timeout=options.pop("timeout", 10), **options)
    client.start(timeout=DEADLINE)
    return client


class Clients:
    """Clients that are stopped, whatever happens."""

    def __init__(self):
        self.all = []

    def new(self, **options):
        client = connect(**options)
        self.all.append(client)
        return client

    def close(self):
        for client in self.all:
            try:
                client.stop()
                client.close()
            except Exception:
                pass


def until(what, predicate, seconds=DEADLINE):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = predicate()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("not within %s s: %s" % (seconds, what))


def session_of(client):
    """The session of a client that may have lost its connection for a moment."""
    return until("the client has a session", lambda: client.client_id)[0]


def raises(error, function, *args, **options):
    try:
        function(*args, **options)
    except error as caught:
        return caught
    raise AssertionError("%s did not raise %s" % (function.__name__, error.__name__))


def run_all(targets):
    threads = [threading.Thread(target=target, daemon=True) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive(), "a thread did not end"


def remove(zk, path):
    """Delete a subtree without reading nodes that cannot be read: deleting is the parent's to allow."""
    try:
        zk.delete(path)
    except NotEmptyError:
        for name in zk.get_children(path):
            remove(zk, path + "/" + name)
        zk.delete(path)
    except NoNodeError:
        pass


# ---- nodes -------------------------------------------------------------------------------------------------


@check
def create_get_set_delete(clients, root):
    zk = clients.new()
    assert zk.create(root + "/a", b"one") == root + "/a"
    data, stat = zk.get(root + "/a")
    assert data == b"one" and stat.version == 0 and stat.data_length == 3
    stat = zk.set(root + "/a", b"two!")
    assert stat.version == 1 and stat.mzxid > stat.czxid and stat.data_length == 4
    raises(BadVersionError, zk.set, root + "/a", b"x", version=0)
    raises(BadVersionError, zk.delete, root + "/a", version=0)
    raises(NodeExistsError, zk.create, root + "/a")
    zk.delete(root + "/a", version=1)
    assert zk.exists(root + "/a") is None
    raises(NoNodeError, zk.get, root + "/a")
    raises(NoNodeError, zk.create, root + "/a/b")


@check
def create2_returns_statistics(clients, root):
    zk = clients.new()
    path, stat = zk.create(root + "/a", b"data", include_data=True)
    assert path == root + "/a" and stat.version == 0 and stat.data_length == 4 and stat.ephemeralOwner == 0


@check
def children_and_their_statistics(clients, root):
    zk = clients.new()
    for name in ("x", "y", "z"):
        zk.create(root + "/" + name)
    children, stat = zk.get_children(root, include_data=True)
    assert sorted(children) == ["x", "y", "z"] and stat.children_count == 3 and stat.cversion == 3
    raises(NotEmptyError, zk.delete, root)
    zk.delete(root + "/x")
    children, stat = zk.get_children(root, include_data=True)
    assert sorted(children) == ["y", "z"] and stat.cversion == 4


@check
def sequence_numbers_grow(clients, root):
    zk = clients.new()
    first = zk.create(root + "/n-", sequence=True)
    assert first == root + "/n-0000000000", first
    zk.delete(first)
    assert zk.create(root + "/n-", sequence=True) == root + "/n-0000000001"
    assert zk.create(root + "/other-", sequence=True, ephemeral=True) == root + "/other-0000000002"


@check
def ephemerals_end_with_their_session(clients, root):
    owner, observer = clients.new(), clients.new()
    owner.create(root + "/e", ephemeral=True)
    assert observer.exists(root + "/e").ephemeralOwner == owner.client_id[0]
    raises(NoChildrenForEphemeralsError, owner.create, root + "/e/child")
    owner.stop()
    assert observer.exists(root + "/e") is None


@check
def makepath_and_recursive_delete(clients, root):
    zk = clients.new()
    zk.create(root + "/a/b/c/d", b"deep", makepath=True)
    assert zk.get(root + "/a/b/c/d")[0] == b"deep"
    zk.delete(root + "/a", recursive=True)
    assert zk.exists(root + "/a") is None


@check
def large_data(clients, root):
    zk = clients.new()
    data = b"x" * 900_000
    zk.create(root + "/big", data)
    assert zk.get(root + "/big")[0] == data


@check
def unicode_paths_and_chroot(clients, root):
    zk = clients.new()
    zk.create(root + "/日本é", b"1")
    assert zk.get_children(root) == ["日本é"]
    inner = KazooClient(hosts=ADDRESS + root)
    clients.all.append(inner)
    inner.start(timeout=DEADLINE)
    assert inner.get("/日本é")[0] == b"1"


@check
def many_requests_in_flight(clients, root):
    zk = clients.new()
    pending = [zk.create_async("%s/n%d" % (root, i), b"%d" % i) for i in range(1000)]
    assert [one.get(timeout=DEADLINE) for one in pending] == ["%s/n%d" % (root, i) for i in range(1000)]
    reads = [zk.get_async("%s/n%d" % (root, i)) for i in range(1000)]
    assert [one.get(timeout=DEADLINE)[0] for one in reads] == [b"%d" % i for i in range(1000)]


@check
def sync_answers_with_the_path(clients, root):
    zk = clients.new()
    assert zk.sync(root) == root


# ---- watches -----------------------------------------------------------------------------------------------


@check
def one_shot_watches_fire_once(clients, root):
    zk, writer = clients.new(), clients.new()
    events = []
    writer.create(root + "/a")
    zk.get(root + "/a", watch=events.append)
    zk.get_children(root, watch=events.append)
    zk.exists(root + "/b", watch=events.append)
    writer.set(root + "/a", b"1")
    writer.set(root + "/a", b"2")
    writer.create(root + "/b")
    until("three events", lambda: len(events) == 3)
    zk.sync(root)
    got = [(event.type, event.path) for event in events]
    assert got == [
        (EventType.CHANGED, root + "/a"),
        (EventType.CREATED, root + "/b"),
        (EventType.CHILD, root),
    ], got


@check
def deletion_is_told_to_data_and_child_watchers(clients, root):
    zk, writer = clients.new(), clients.new()
    events = []
    writer.create(root + "/a")
    zk.get(root + "/a", watch=lambda event: events.append(("data", event.type)))
    zk.get_children(root + "/a", watch=lambda event: events.append(("child", event.type)))
    writer.delete(root + "/a")
    until("two events", lambda: len(events) == 2)
    assert sorted(events) == [("child", EventType.DELETED), ("data", EventType.DELETED)], events


@check
def data_watch_recipe(clients, root):
    zk, writer = clients.new(), clients.new()
    seen = []
    zk.DataWatch(root + "/d", lambda data, stat: seen.append(data))
    writer.create(root + "/d", b"0")
    until("the creation", lambda: seen[-1:] == [b"0"])
    for i in range(1, 6):
        writer.set(root + "/d", b"%d" % i)
        until("change %d" % i, lambda: seen[-1:] == [b"%d" % i])
    writer.delete(root + "/d")
    until("the deletion", lambda: seen[-1:] == [None])


@check
def children_watch_recipe(clients, root):
    zk, writer = clients.new(), clients.new()
    seen = []
    zk.ChildrenWatch(root, lambda children: seen.append(sorted(children)))
    for i in range(5):
        writer.create("%s/c%d" % (root, i), ephemeral=True)
        until("child %d" % i, lambda: len(seen[-1]) == i + 1)
    writer.stop()
    until("all are gone", lambda: seen[-1] == [])


@check
def patient_children_watch_recipe(clients, root):
    zk = clients.new()
    watch = PatientChildrenWatch(zk, root, time_boundary=0.2)
    result = watch.start()
    zk.create(root + "/a")
    children, async_result = result.get(timeout=DEADLINE)
    assert children == ["a"]
    zk.create(root + "/b")
    async_result.get(timeout=DEADLINE)


@check
def tree_cache_recipe(clients, root):
    from kazoo.recipe.cache import TreeCache

    zk, writer = clients.new(), clients.new()
    cache = TreeCache(zk, root)
    cache.start()
    try:
        writer.create(root + "/a/b", b"1", makepath=True)
        until("the leaf", lambda: cache.get_data(root + "/a/b") is not None)
        writer.set(root + "/a/b", b"2")
        until("the change", lambda: cache.get_data(root + "/a/b").data == b"2")
        writer.delete(root + "/a", recursive=True)
        until("the deletion", lambda: cache.get_children(root) == frozenset())
    finally:
        cache.close()


# ---- sessions ----------------------------------------------------------------------------------------------


@check
def reconnect_keeps_session_ephemerals_and_watches(clients, root):
    zk, writer = clients.new(), clients.new()
    states, events = [], []
    zk.add_listener(states.append)
    zk.create(root + "/e", ephemeral=True)
    writer.create(root + "/watched")
    zk.get(root + "/watched", watch=events.append)
    session = zk.client_id
    zk._connection._socket.shutdown(socket.SHUT_RDWR)
    until("suspended and connected again", lambda: states[-1:] == [KazooState.CONNECTED] and KazooState.SUSPENDED in states)
    assert zk.client_id == session
    assert zk.exists(root + "/e").ephemeralOwner == session[0]
    writer.set(root + "/watched", b"1")
    assert KazooState.LOST not in states


def handshake(connection, timeout=10_000, session=0, password=b"\0" * 16):
    """A connect request by hand; returns time-out, session and password as granted."""
    body = struct.pack("!iqiqi16s?", 0, 0, timeout, session, 16, password, False)
    connection.sendall(struct.pack("!i", len(body)) + body)
    answer = connection.recv(1000)
    _, granted, session, length = struct.unpack("!iiqi", answer[4:24])
    return granted, session, answer[24:24 + length]


def raw_connection():
    host, port = ADDRESS.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), DEADLINE)


@check
def a_session_is_taken_over_with_its_password(clients, root):
    first = clients.new()
    states = []
    first.add_listener(states.append)
    session, password = first.client_id
    with raw_connection() as connection:
        _, granted, same = handshake(connection, session=session, password=password)
        assert (granted, same) == (session, password)
        until("the first connection was closed", lambda: KazooState.SUSPENDED in states)


@check
def a_stolen_session_id_without_password_is_refused(clients, root):
    first = clients.new()
    first.create(root + "/e", ephemeral=True)
    session = first.client_id[0]
    thief = KazooClient(hosts=ADDRESS, client_id=(session, b"\0" * 16))
    clients.all.append(thief)
    thief.start(timeout=DEADLINE)
    assert session_of(thief) != session
    # Apache closes the owner's connection before it looks at the password; the session stays.
    assert session_of(first) == session
    assert thief.retry(thief.exists, root + "/e").ephemeralOwner == session


@check
def the_time_out_is_negotiated(clients, root):
    for asked, bound in ((1, min), (10_000_000, max)):
        with raw_connection() as connection:
            granted, _, _ = handshake(connection, asked)
            assert granted != asked and bound(granted, asked) == asked, granted


@check
def expiry_is_seen_by_others_and_by_the_client(clients, root):
    observer = clients.new()
    with raw_connection() as connection:
        _, session, password = handshake(connection, timeout=1)
        path = (root + "/e").encode()
        acl = struct.pack("!iii5si6s", 1, 31, 5, b"world", 6, b"anyone")
        create = struct.pack("!iii", 1, 1, len(path)) + path + struct.pack("!i", 0) + acl + struct.pack("!i", 1)
        connection.sendall(struct.pack("!i", len(create)) + create)
        connection.recv(1000)
        assert observer.exists(root + "/e").ephemeralOwner == session
        until("the silent session's node is gone", lambda: observer.exists(root + "/e") is None, 60)
    late = clients.new(client_id=(session, password))
    assert session_of(late) != session


# ---- transactions ------------------------------------------------------------------------------------------


@check
def a_transaction_is_all_or_nothing(clients, root):
    zk = clients.new()
    zk.create(root + "/a", b"0")
    t = zk.transaction()
    t.create(root + "/b", b"1")
    t.create(root + "/b/n-", b"2", sequence=True)
    t.set_data(root + "/a", b"3", version=0)
    t.check(root + "/a", version=1)
    t.delete(root + "/a", version=1)
    results = t.commit()
    assert results[:2] == [root + "/b", root + "/b/n-0000000000"] and results[2].version == 1, results
    assert results[3:] == [True, True], results
    assert zk.exists(root + "/a") is None
    t = zk.transaction()
    t.create(root + "/c")
    t.set_data(root + "/b", b"x")
    t.delete(root + "/missing")
    t.create(root + "/d")
    kinds = [type(one) for one in t.commit()]
    assert kinds == [RolledBackError, RolledBackError, NoNodeError, RuntimeInconsistency], kinds
    assert zk.exists(root + "/c") is None and zk.get(root + "/b")[0] == b"1"


@check
def a_transaction_has_one_zxid(clients, root):
    zk = clients.new()
    with zk.transaction() as t:
        t.create(root + "/a")
        t.create(root + "/b")
    assert zk.exists(root + "/a").czxid == zk.exists(root + "/b").czxid


# ---- access control ----------------------------------------------------------------------------------------


@check
def digest_identities_are_enforced(clients, root):
    acl = make_digest_acl("ann", "secret", all=True)
    ann = clients.new(auth_data=[("digest", "ann:secret")])
    other = clients.new()
    wrong = clients.new(auth_data=[("digest", "ann:guess")])
    ann.create(root + "/mine", b"1", acl=[acl])
    for stranger in (other, wrong):
        raises(NoAuthError, stranger.get, root + "/mine")
        raises(NoAuthError, stranger.set, root + "/mine", b"x")
        raises(NoAuthError, stranger.get_children, root + "/mine")
        raises(NoAuthError, stranger.create, root + "/mine/x")
    assert ann.get(root + "/mine")[0] == b"1"
    other.add_auth("digest", "ann:secret")
    assert other.get(root + "/mine")[0] == b"1"
    got, _ = ann.get_acls(root + "/mine")
    assert got == [acl], got


@check
def acls_are_versioned_and_hashes_hidden(clients, root):
    zk = clients.new(auth_data=[("digest", "ann:secret")])
    zk.create(root + "/a")
    acls, stat = zk.get_acls(root + "/a")
    assert acls == OPEN_ACL_UNSAFE and stat.aversion == 0
    mine = make_digest_acl("ann", "secret", all=True)
    stat = zk.set_acls(root + "/a", [mine] + READ_ACL_UNSAFE, version=0)
    assert stat.aversion == 1
    raises(BadVersionError, zk.set_acls, root + "/a", OPEN_ACL_UNSAFE, version=0)
    other = clients.new()
    shown, _ = other.get_acls(root + "/a")
    assert [one.id.id for one in shown if one.id.scheme == "digest"] == ["ann:x"], shown
    raises(NoAuthError, other.set_acls, root + "/a", OPEN_ACL_UNSAFE)


@check
def invalid_acls_and_schemes_are_refused(clients, root):
    zk = clients.new()
    raises(InvalidACLError, zk.create, root + "/a", acl=[make_acl("nonsense", "x", all=True)])
    raises(InvalidACLError, zk.create, root + "/a", acl=[make_acl("ip", "999.1.1.1", all=True)])
    zk.create(root + "/local", acl=[make_acl("ip", "127.0.0.0/8", all=True), make_acl("ip", "10.0.0.1", read=True)])
    assert zk.get(root + "/local")[0] == b""
    zk.create(root + "/far", acl=[make_acl("ip", "10.0.0.1", all=True)])
    raises(NoAuthError, zk.get, root + "/far")
    raises(AuthFailedError, zk.add_auth, "nonsense", "x")


# ---- recipes -----------------------------------------------------------------------------------------------


@check
def lock_recipe_excludes(clients, root):
    inside, most, order = [0], [0], []
    guard = threading.Lock()

    def worker(name):
        zk = clients.new()

        def run():
            for _ in range(5):
                with zk.Lock(root + "/lock", name):
                    with guard:
                        inside[0] += 1
                        most[0] = max(most[0], inside[0])
                    time.sleep(0.002)
                    with guard:
                        inside[0] -= 1
                        order.append(name)

        return run

    run_all([worker("w%d" % i) for i in range(4)])
    assert most[0] == 1 and len(order) == 20


@check
def lock_recipe_passes_on_when_the_holder_dies(clients, root):
    holder, waiter = clients.new(), clients.new()
    assert holder.Lock(root + "/lock", "holder").acquire()
    lock = waiter.Lock(root + "/lock", "waiter")
    assert not lock.acquire(blocking=False)
    assert lock.contenders() == ["holder"], lock.contenders()
    got = []
    thread = threading.Thread(target=lambda: got.append(lock.acquire(timeout=DEADLINE)), daemon=True)
    thread.start()
    until("it waits", lambda: len(lock.contenders()) == 2)
    holder.stop()
    thread.join(DEADLINE)
    assert got == [True]


@check
def read_and_write_locks(clients, root):
    one, two, three = clients.new(), clients.new(), clients.new()
    readers = [one.ReadLock(root + "/rw", "r1"), two.ReadLock(root + "/rw", "r2")]
    assert all(lock.acquire(timeout=DEADLINE) for lock in readers)
    writer = three.WriteLock(root + "/rw", "w")
    assert not writer.acquire(blocking=False)
    for lock in readers:
        lock.release()
    assert writer.acquire(timeout=DEADLINE)
    assert not one.ReadLock(root + "/rw", "r3").acquire(blocking=False)
    writer.release()


@check
def semaphore_recipe(clients, root):
    holders = [clients.new().Semaphore(root + "/s", "h%d" % i, max_leases=2) for i in range(3)]
    assert holders[0].acquire() and holders[1].acquire()
    assert not holders[2].acquire(blocking=False)
    holders[0].release()
    assert holders[2].acquire(timeout=DEADLINE)


@check
def election_recipe_has_one_leader_at_a_time(clients, root):
    leaders, at_once, guard = [], [0], threading.Lock()

    def candidate(name):
        zk = clients.new()

        def lead():
            with guard:
                at_once[0] += 1
                assert at_once[0] == 1, "two leaders"
                leaders.append(name)
            time.sleep(0.02)
            with guard:
                at_once[0] -= 1

        return lambda: zk.Election(root + "/election", name).run(lead)

    run_all([candidate("c%d" % i) for i in range(4)])
    assert sorted(leaders) == ["c0", "c1", "c2", "c3"]


@check
def party_recipes(clients, root):
    zks = [clients.new() for _ in range(3)]
    parties = [zk.Party(root + "/party", "p%d" % i) for i, zk in enumerate(zks)]
    shallow = zks[0].ShallowParty(root + "/party", "p0")
    for party in parties:
        party.join()
    assert sorted(parties[0]) == ["p0", "p1", "p2"] and len(parties[0]) == 3
    assert len(shallow) == 3
    zks[2].stop()
    until("the third has left", lambda: sorted(parties[0]) == ["p0", "p1"])
    parties[1].leave()
    assert sorted(parties[0]) == ["p0"]


@check
def barrier_recipe(clients, root):
    one, two = clients.new(), clients.new()
    barrier = one.Barrier(root + "/barrier")
    barrier.create()
    passed = []
    thread = threading.Thread(target=lambda: passed.append(two.Barrier(root + "/barrier").wait(DEADLINE)), daemon=True)
    thread.start()
    time.sleep(0.1)
    assert passed == []
    barrier.remove()
    thread.join(DEADLINE)
    assert passed == [True]


@check
def double_barrier_recipe(clients, root):
    inside, left = [], []

    def member(name):
        zk = clients.new()

        def run():
            barrier = zk.DoubleBarrier(root + "/double", 3, name)
            barrier.enter()
            inside.append(name)
            until("all are inside", lambda: len(inside) == 3)
            barrier.leave()
            left.append(name)

        return run

    run_all([member("m%d" % i) for i in range(3)])
    assert len(inside) == 3 and len(left) == 3


@check
def queue_recipe(clients, root):
    producer, consumer = clients.new(), clients.new()
    queue = producer.Queue(root + "/queue")
    for i in range(20):
        queue.put(b"%d" % i)
    queue.put(b"first", priority=10)
    out = consumer.Queue(root + "/queue")
    assert len(out) == 21
    got = [out.get() for _ in range(21)]
    assert got == [b"first"] + [b"%d" % i for i in range(20)], got
    assert out.get() is None


@check
def locking_queue_recipe(clients, root):
    producer, consumer, other = clients.new(), clients.new(), clients.new()
    queue = producer.LockingQueue(root + "/queue")
    queue.put_all([b"a", b"b"])
    taker = consumer.LockingQueue(root + "/queue")
    assert taker.get(timeout=DEADLINE) == b"a"
    assert other.LockingQueue(root + "/queue").get(timeout=DEADLINE) == b"b"
    assert taker.holds_lock() and taker.consume()
    until("the other's entry is given back when it dies", lambda: other.stop() or True)
    again = consumer.LockingQueue(root + "/queue")
    assert again.get(timeout=DEADLINE) == b"b" and again.consume()


@check
def counter_recipe(clients, root):
    def worker():
        zk = clients.new()

        def run():
            counter = zk.Counter(root + "/counter")
            for _ in range(10):
                counter += 1

        return run

    run_all([worker() for _ in range(4)])
    assert clients.new().Counter(root + "/counter").value == 40


@check
def set_partitioner_recipe(clients, root):
    zks = [clients.new(), clients.new()]
    partitioners = [
        zk.SetPartitioner(root + "/parts", set=tuple("abcdef"), time_boundary=0.3, identifier="i%d" % i)
        for i, zk in enumerate(zks)
    ]

    def step():
        for one in partitioners:
            if one.release:
                one.release_set()
            elif one.allocating:
                one.wait_for_acquire(0.1)
            assert not one.failed
        return all(one.acquired for one in partitioners) and sum(len(list(one)) for one in partitioners) == 6

    until("the set is split", step)
    shares = [set(one) for one in partitioners]
    assert shares[0].isdisjoint(shares[1]) and len(shares[0] | shares[1]) == 6, shares


@check
def lease_recipe(clients, root):
    import datetime

    one, two = clients.new(), clients.new()
    span = datetime.timedelta(seconds=30)
    assert one.NonBlockingLease(root + "/lease", span, identifier="one")
    assert not two.NonBlockingLease(root + "/lease", span, identifier="two")


@check
def four_letter_words_and_version(clients, root):
    zk = clients.new()
    assert zk.command(b"ruok") == "imok"
    assert "Mode:" in zk.command(b"srvr")
    assert zk.server_version() >= (3, 5), zk.server_version()


def main():
    logging.getLogger("kazoo").setLevel(logging.CRITICAL)
    base = "/kazoo-checks-" + uuid.uuid4().hex[:8]
    setup = connect()
    failed = 0
    for function in CHECKS:
        root = base + "/" + function.__name__
        setup.ensure_path(root)
        clients = Clients()
        begin = time.monotonic()
        try:
            function(clients, root)
            print("ok   %s (%.2f s)" % (function.__name__, time.monotonic() - begin), flush=True)
        except Exception:
            failed += 1
            print("FAIL %s\n%s" % (function.__name__, traceback.format_exc()), flush=True)
        finally:
            clients.close()
    remove(setup, base)
    setup.stop()
    setup.close()
    print("%d passed, %d failed" % (len(CHECKS) - failed, failed), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
