"""Keys that rotate: the folder, the command's decisions, and processes that follow."""

import errno
import fcntl
import json
import os
import stat
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest

from pazpaz_ai_client.signing import (
    RING,
    KeyRing,
    KeysUnusable,
    LazyKeys,
    LiveKeys,
    OwnKeys,
    PrivateKey,
    PublicKey,
    SignatureRefused,
    read_folder,
    rotation,
)
from pazpaz_ai_client.signing.live import Watched
from pazpaz_ai_client.signing.rotation import Refused, retire, rotate, survey
from pazpaz_ai_client.tokens import TokenKeys

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
SWITCH, OVERLAP = timedelta(minutes=10), timedelta(hours=1)
A, B, C = (f"ai-2026-11-{letter}" for letter in "abc")


def rotated(folder, now=NOW, **changes):
    return rotate(folder, **{"now": now, "switch_after": SWITCH, "overlap": OVERLAP} | changes)


def signs(folder, now):
    return read_folder(folder, now).at(now).keyid


def states(folder, now):
    return {line.key.keyid: line.state for line in survey(folder, now=now).keys}


@pytest.fixture
def folder(tmp_path):
    """One key, which signs."""
    before = os.umask(0o022)
    rotated(tmp_path / "ai")
    os.umask(before)
    return tmp_path / "ai"


# The command


def test_the_first_key_signs_at_once(folder):
    """There is nobody to overlap with; the private half is its owner's alone, the ring is public."""
    assert signs(folder, NOW) == A
    assert stat.S_IMODE((folder / f"{A}.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / RING).stat().st_mode) == 0o644
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "PRIVATE" not in (folder / RING).read_text()
    assert sorted(path.name for path in folder.iterdir()) == [f"{A}.pem", RING]


def test_a_rotation_switches_then_ends_the_old_key(folder):
    """Accepted at once, signing after the switch; the old key is accepted until the overlap is over."""
    done = rotated(folder)
    switch, end = NOW + SWITCH, NOW + SWITCH + OVERLAP
    second = timedelta(seconds=1)

    assert (done.new.keyid, done.switch) == (B, switch)
    assert (done.old.keyid, done.old.retired_at) == (A, end)
    assert [signs(folder, t) for t in (NOW, switch - second, switch)] == [A, A, B]
    assert states(folder, NOW) == {A: "signing", B: "next"}
    assert states(folder, switch) == {A: "accepted", B: "signing"}
    assert states(folder, end) == {A: "retired", B: "signing"}
    ring = read_folder(folder, NOW).ring
    assert ring.accepted(NOW) == ring.accepted(end - second) == (A, B)
    assert ring.accepted(end) == (B,)


def test_it_is_known_since_when_a_key_signs(both, folder):
    """The first since it was made, the next since its switch; a ring made by hand may not say."""
    ours, _ = both
    assert ours.keys.signs_since(NOW) == NOW
    rotated(folder)
    assert ours.after(SWITCH.total_seconds()).keys.signs_since(ours.now) == NOW + SWITCH
    later = read_folder(folder, NOW)
    assert (later.since(NOW), later.since(NOW + SWITCH)) == (NOW, NOW + SWITCH)
    ring = json.loads((folder / RING).read_text())
    for entry in ring["keys"]:
        del entry["sign_from"]
    (folder / RING).write_text(json.dumps(ring))
    assert read_folder(folder, NOW).since(NOW) is None


def test_a_rotation_keeps_what_was_there(folder):
    """Private keys are never rewritten, and each retired key keeps its line and its own end."""
    secret = (folder / f"{A}.pem").read_bytes()
    first = rotated(folder)
    rotated(folder, NOW + SWITCH)

    ring = {key.keyid: key for key in read_folder(folder, NOW).ring.keys}
    assert list(ring) == [A, B, C]
    assert ring[A].retired_at == first.old.retired_at
    assert ring[B].retired_at == NOW + 2 * SWITCH + OVERLAP
    assert (folder / f"{A}.pem").read_bytes() == secret


def test_a_second_rotation_waits_for_the_first(folder):
    """With a key waiting, another would leave the plan told to the operator untrue."""
    rotated(folder)

    with pytest.raises(Refused) as caught:
        rotated(folder)
    assert str(caught.value) == (
        f"{B} waits to sign from 2026-11-23 10:10:00 UTC; "
        "rotate after that, or retire the key that signs"
    )


def test_rotating_twice_in_one_second_signs_with_the_newest(folder):
    """At equal times the later entry counts."""
    rotated(folder, switch_after=timedelta())

    assert signs(folder, NOW) == B


def test_an_overlap_shorter_than_a_signatures_life_is_refused(folder):
    """60 s of life and twice 30 s of skew must fit, or a request on its way would be refused."""
    before = (folder / RING).read_bytes()
    with pytest.raises(Refused, match="180"):
        rotated(folder, overlap=timedelta(seconds=179))

    assert (folder / RING).read_bytes() == before


def test_a_folder_belongs_to_one_side(folder, tmp_path):
    """A key id tells who signs, so sides do not mix."""
    with pytest.raises(Refused, match="keys of ai, not of ml"):
        rotated(folder, side="ml")
    assert rotated(tmp_path / "ml", side="ml").new.keyid == "ml-2026-11-a"
    assert rotated(tmp_path / "ml").new.keyid == "ml-2026-11-b"


def test_names_run_out_in_words(folder):
    """26 keys a month are enough; the 27th is refused and not wrapped around."""
    for number in range(25):
        rotated(folder, NOW + timedelta(seconds=number), switch_after=timedelta())

    with pytest.raises(Refused, match="all 26 names of ai-2026-11 are used"):
        rotated(folder, NOW + timedelta(minutes=1))
    assert rotated(folder, NOW + timedelta(days=30)).new.keyid == "ai-2026-12-a"


def test_one_command_at_a_time(folder):
    """Two operators cannot write over each other."""
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(Refused, match="another command"):
        rotated(folder)
    os.close(descriptor)

    assert rotated(folder).new.keyid == B


# Cut off


class PowerCut(BaseException):
    """Like kill -9: nothing of ours runs after it."""


@pytest.mark.parametrize(
    ("step", "count"), [*(("fsync", n) for n in (1, 2, 3, 4)), ("rename", 1), ("rename", 2)]
)
def test_a_command_cut_off_anywhere_leaves_a_folder_that_works(folder, monkeypatch, step, count):
    """At each write to the disk: the ring is the old one or the new one, whole, and the next try goes on."""
    true, seen = getattr(os, step), []

    def cut(*args):
        seen.append(args)
        if len(seen) == count:
            raise PowerCut
        return true(*args)

    with monkeypatch.context() as patched:
        patched.setattr(rotation.os, step, cut)
        with suppress(PowerCut):
            rotated(folder)

    assert len(seen) == count
    at_switch = NOW + SWITCH
    names = [key.keyid for key in read_folder(folder, NOW).ring.keys]
    assert signs(folder, NOW) == A
    assert names in ([A], [A, B])
    assert signs(folder, at_switch) == names[-1]
    left = survey(folder, now=NOW).strays
    assert left in ([], [f"{B}.pem"])
    again = rotated(folder, at_switch)
    assert signs(folder, at_switch + SWITCH) == again.new.keyid
    assert again.strays == left
    assert not list(folder.glob(".new-*"))


def test_what_is_made_durable_is_the_whole_file(folder, monkeypatch):
    """Nothing of a key or a ring still waits in our memory when the disk is told to keep it."""
    true, sizes = os.fsync, []

    def noted(descriptor):
        found = os.fstat(descriptor)
        sizes.extend([found.st_size] if stat.S_ISREG(found.st_mode) else [])
        true(descriptor)

    monkeypatch.setattr(rotation.os, "fsync", noted)
    rotated(folder)

    assert sizes == [(folder / name).stat().st_size for name in (f"{B}.pem", RING)]


def test_a_command_leaves_nothing_open(folder):
    """Neither a lock nor a file outlives it."""
    before = len(os.listdir("/proc/self/fd"))
    rotated(folder)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_folder_that_cannot_be_used_or_changed_is_one_line(folder, monkeypatch):
    """A path that is a file, and a disk that is full: the operator reads which, and the old ring stands."""
    file = folder / RING
    with pytest.raises(KeysUnusable, match=r"keys\.json cannot be used \(File exists\)$") as caught:
        rotated(file)
    assert caught.value.fault == "unreadable"

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(rotation.os, "rename", full)
        with pytest.raises(KeysUnusable, match=r"ai cannot be changed \(No space left") as caught:
            rotated(folder)
    assert caught.value.fault == "unreadable"
    assert states(folder, NOW) == {A: "signing"}
    assert rotated(folder).new.keyid == B


def test_a_private_key_no_ring_names_is_told_and_its_name_not_reused(folder):
    """It is harmless, and never overwritten."""
    (folder / f"{B}.pem").write_bytes(b"left over")
    done = rotated(folder)

    assert (done.new.keyid, done.strays) == (C, [f"{B}.pem"])
    assert survey(folder, now=NOW).strays == [f"{B}.pem"]
    assert (folder / f"{B}.pem").read_bytes() == b"left over"


# Emergencies


def test_the_only_key_cannot_be_retired(folder):
    """Somebody must sign."""
    with pytest.raises(Refused, match="only key"):
        retire(folder, A, now=NOW)
    rotated(folder, switch_after=timedelta())
    retire(folder, A, now=NOW)
    with pytest.raises(Refused, match="only key"):
        retire(folder, B, now=NOW)


def test_an_heir_keeps_its_end_where_another_key_has_none(folder):
    """Only a folder that would be left without a lasting key makes one last."""
    rotated(folder)
    end = rotated(folder, NOW + SWITCH).old.retired_at
    later = NOW + SWITCH + timedelta(minutes=1)
    done = retire(folder, A, now=later)

    assert (done.heir.keyid, done.heir.sign_from, done.heir.retired_at) == (B, NOW + SWITCH, end)
    assert states(folder, later) == {A: "retired", B: "signing", C: "next"}


@pytest.fixture
def in_jerusalem(monkeypatch):
    """A machine whose clock shows the local time there."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Jerusalem")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize("command", ["rotate", "retire"])
def test_a_ring_has_whole_seconds_of_one_zone(folder, command, in_jerusalem):
    """Whatever clock the operator's machine has, both sides read the same moment."""
    odd = (NOW + timedelta(microseconds=999_999)).astimezone(timezone(timedelta(hours=2)))
    rotated(str(folder), odd, switch_after=timedelta())
    if command == "retire":
        retire(str(folder), A, now=odd)
    entries = json.loads((folder / RING).read_text())["keys"]

    end = {"rotate": "11:00:00", "retire": "10:00:00"}[command]
    assert entries[0]["retired_at"] == f"2026-11-23T{end}+00:00"
    assert entries[1]["sign_from"] == "2026-11-23T10:00:00+00:00"


def test_a_retired_key_hands_over_to_the_one_that_waited(folder):
    """The next key signs at once, before its time."""
    rotated(folder)
    done = retire(folder, A, now=NOW)

    assert (done.retired.retired_at, done.heir.keyid) == (NOW, B)
    assert done.heir.sign_from == NOW
    assert signs(folder, NOW) == B
    assert states(folder, NOW) == {A: "retired", B: "signing"}


def test_a_retired_next_key_leaves_the_old_one_without_an_end(folder):
    """The rotation is taken back: otherwise the old key would end with nobody after it."""
    rotated(folder)
    retire(folder, B, now=NOW)

    assert states(folder, NOW + 2 * OVERLAP) == {A: "signing", B: "retired"}
    assert rotated(folder).new.keyid == C, "a retired key waits for nothing"


@pytest.mark.parametrize("keyid", [B, "", "../x"])
def test_an_unknown_key_is_not_retired(folder, keyid):
    """A mistyped name changes nothing."""
    with pytest.raises(Refused, match="no key here"):
        retire(folder, keyid, now=NOW)


def test_a_key_is_retired_once(folder):
    """A second try does not move the moment."""
    rotated(folder, switch_after=timedelta())
    retire(folder, A, now=NOW)

    with pytest.raises(Refused, match="retired already"):
        retire(folder, A, now=NOW + OVERLAP)


def test_old_private_keys_are_listed_as_removable_and_not_missed(folder):
    """Once nothing they signed can be on its way, their files may go."""
    rotated(folder, switch_after=timedelta())
    end = NOW + OVERLAP
    assert survey(folder, now=end).removable == []
    late = end + rotation.MIN_OVERLAP
    assert survey(folder, now=late).removable == [f"{A}.pem"]

    (folder / f"{A}.pem").unlink()
    assert signs(folder, late) == B
    assert survey(folder, now=late).removable == []


# A folder made by hand


def test_a_gap_made_by_hand_is_bridged_by_the_next_key(tmp_path):
    """The other side accepts a key before its time, so signing early is better than not at all."""
    old, new, last = (PrivateKey.generate(name) for name in (A, B, C))
    for key in (old, new, last):
        (tmp_path / f"{key.keyid}.pem").write_bytes(key.to_pem())
    entries = [
        PublicKey(A, old.public.key, retired_at=NOW + SWITCH),
        PublicKey(C, last.public.key, sign_from=NOW + 2 * OVERLAP),
        PublicKey(B, new.public.key, sign_from=NOW + OVERLAP),
    ]
    (tmp_path / RING).write_text(KeyRing(entries).to_json())
    keys = read_folder(tmp_path, NOW)

    assert [keys.at(NOW + t).keyid for t in (timedelta(), SWITCH, OVERLAP)] == [A, B, B]


def test_without_a_key_that_lives_nothing_is_signed():
    """A ring of retired keys is told apart from a missing one."""
    ring = KeyRing([PublicKey(A, PrivateKey.generate(A).public.key, retired_at=NOW)])
    with pytest.raises(KeysUnusable, match=r"^every key is retired$") as caught:
        OwnKeys(ring, {}).at(NOW)
    assert caught.value.fault == "no_lasting_key"


def _forget_ends(path):
    text = path.read_text().replace('"retired_at": null', '"retired_at": "2027-01-01T00:00:00Z"')
    path.write_text(text)


NO_RING = ("broken_ring", f"{RING} is not a list of public keys")
BROKEN = {
    "no ring": (
        lambda f: (f / RING).unlink(),
        "unreadable",
        "{folder}/" + f"{RING} cannot be read (No such file or directory)",
    ),
    "half a ring": (lambda f: (f / RING).write_text((f / RING).read_text()[:40]), *NO_RING),
    "empty ring": (
        lambda f: (f / RING).write_text('{"keys": []}'),
        "broken_ring",
        f"{RING} lists no key",
    ),
    "binary ring": (lambda f: (f / RING).write_bytes(b"\xff\xfe"), *NO_RING),
    "list in a ring": (lambda f: (f / RING).write_text('{"keys": ["x"]}'), *NO_RING),
    "text as a key": (
        lambda f: (f / RING).write_text('{"keys": [{"keyid": 1, "public_key": 2}]}'),
        *NO_RING,
    ),
    "no private key": (
        lambda f: (f / f"{A}.pem").unlink(),
        "unreadable",
        "{folder}/" + f"{A}.pem cannot be read (No such file or directory)",
    ),
    "half a private key": (
        lambda f: (f / f"{A}.pem").write_bytes(b"-----"),
        "broken_private_key",
        f"{A}.pem is not an Ed25519 private key in PEM",
    ),
    "another pair": (
        lambda f: (f / f"{A}.pem").write_bytes(PrivateKey.generate(A).to_pem()),
        "another_pair",
        f"{A}.pem does not belong to its entry in {RING}",
    ),
    "every key ends": (
        lambda f: _forget_ends(f / RING),
        "no_lasting_key",
        f"{RING} has no key without an end",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_folder_is_named_and_never_shown(folder, how):
    """Whatever is wrong, it is one line for the operator with a code, and no command makes it worse."""
    harm, fault, said = BROKEN[how]
    harm(folder)
    with pytest.raises(KeysUnusable) as caught:
        read_folder(folder, NOW)

    assert (caught.value.fault, str(caught.value)) == (fault, said.format(folder=folder))
    if how != "no ring":  # then it looks like a first rotation that was cut off
        with pytest.raises(KeysUnusable):
            rotated(folder)


# Running processes


class Process:
    """LiveKeys with clocks that only a test moves, and everything it told."""

    def __init__(self, folder, ring_file):
        self.now, self.passed, self.changes, self.faults = NOW, 0.0, [], []
        self.keys = LiveKeys(
            folder=folder,
            ring_file=ring_file,
            on_change=lambda *state: self.changes.append(state),
            on_fault=lambda *fault: self.faults.append(fault),
            clock=lambda: self.now.timestamp(),
            monotonic=lambda: self.passed,
        )

    def after(self, seconds):
        self.passed += seconds
        self.now += timedelta(seconds=seconds)
        return self

    @property
    def signs(self):
        return self.keys.at(self.now).keyid

    def accepts(self, keyid):
        try:
            return self.keys.find(keyid, self.now).keyid == keyid
        except SignatureRefused:
            return False


@pytest.fixture
def both(tmp_path, folder):
    """Two processes, each with its own folder and the other's ring."""
    theirs = tmp_path / "ml"
    rotated(theirs, side="ml")
    return Process(folder, theirs / RING), Process(theirs, folder / RING)


def test_a_running_process_adopts_a_rotation(both, folder):
    """Both sides learn the new key within two seconds, and switch at the agreed moment."""
    ours, theirs = both
    rotated(folder, switch_after=timedelta(seconds=10))

    assert theirs.after(1).accepts(B) is False
    assert theirs.after(1).accepts(B) is True
    assert [ours.after(seconds).signs for seconds in (2, 7, 1)] == [A, A, B]
    assert theirs.after(10 + OVERLAP.total_seconds()).accepts(A) is False
    assert (ours.faults, theirs.faults) == ([], [])


def test_a_change_is_told_once_with_what_is_used_now(both, folder, tmp_path):
    """Whoever keeps an audit trail hears the key that signs and the keys that are accepted."""
    ours, theirs = both
    assert ours.after(2).signs == A
    assert ours.changes == []
    rotated(folder, switch_after=timedelta(seconds=10))
    rotated(tmp_path / "ml", switch_after=timedelta(seconds=10))
    for _ in range(8):
        assert ours.after(2).signs
        assert theirs.after(2).signs

    ml_a, ml_b = "ml-2026-11-a", "ml-2026-11-b"
    assert ours.changes == [(A, (ml_a, ml_b)), (B, (ml_a, ml_b))]
    assert theirs.changes == [(ml_a, (A, B)), (ml_b, (A, B))]


def test_a_listener_that_fails_stops_no_signature(both, folder):
    """An audit row that cannot be written is no reason to be silent towards PazPaz."""
    ours, _ = both

    def fail(*_):
        raise OSError

    ours.keys.on_change = fail
    rotated(folder, switch_after=timedelta())

    assert ours.after(2).signs == B


@pytest.mark.parametrize("how", BROKEN)
def test_a_folder_that_breaks_keeps_the_last_good_keys(both, folder, how):
    """It is told once, and a repair is adopted."""
    ours, theirs = both
    good = {path.name: path.read_bytes() for path in folder.iterdir()}
    harm, fault, _ = BROKEN[how]
    harm(folder)
    os.utime(folder)  # as a rename in it would
    for _ in range(3):
        assert ours.after(2).signs == A
        assert theirs.after(2).accepts(A)
    assert ours.faults == [("own", fault)]

    for name, content in good.items():
        (folder / name).write_bytes(content)
    rotated(folder, switch_after=timedelta())
    assert ours.after(2).signs == B
    assert theirs.after(2).accepts(B)
    assert ours.faults == [("own", fault)]


def test_a_broken_ring_of_the_other_side_is_told_as_theirs(both, folder):
    """Whose keys are at fault is the first thing to know."""
    _, theirs = both
    (folder / RING).write_text("{")
    assert theirs.after(2).accepts(A)
    assert theirs.faults == [("theirs", "broken_ring")]


def test_without_a_listener_the_log_tells(both, folder, tmp_path, caplog):
    """Adopted keys, keys that could not be read, and a listener's trouble: each one line, with names only."""
    caplog.set_level("INFO", "pazpaz_ai_client.signing.live")
    ours, _ = both
    keys = ours.keys = LiveKeys(
        folder=folder, ring_file=tmp_path / "ml" / RING, monotonic=lambda: ours.passed
    )

    def fail(*_):
        raise OSError("left knee pain")

    keys.on_change = fail
    rotated(folder, switch_after=timedelta())
    rotated(tmp_path / "ml")
    assert ours.after(2).signs == B
    (tmp_path / "ml" / RING).write_text("{")
    assert ours.after(2).signs == B

    assert [(line.levelname, line.getMessage()) for line in caplog.records] == [
        ("INFO", f"keys adopted: signing={B} accepted=ml-2026-11-a,ml-2026-11-b"),
        ("ERROR", "listener to keys failed: error=OSError"),
        ("WARNING", "keys kept as they were: source=theirs code=broken_ring"),
    ]


def test_a_change_is_read_once_and_needs_no_listener(both, folder, monkeypatch, caplog):
    """What was adopted is not read again at each look; where nobody listens, nothing is amiss."""
    ours, _ = both
    ours.keys.on_change = None
    rotated(folder, switch_after=timedelta())
    assert ours.after(2).signs == B

    reads = []
    monkeypatch.setattr("pazpaz_ai_client.signing.folder._read", reads.append)
    assert ours.after(2).signs == B
    assert reads == []
    assert (ours.faults, caplog.records) == ([], [])


def test_files_are_looked_at_every_two_seconds_and_read_when_they_changed(both, monkeypatch):
    """A thousand requests cost no more of the disk than one."""
    ours, _ = both
    stats, reads = [], []
    true = os.stat
    monkeypatch.setattr(
        "pazpaz_ai_client.signing.live.os.stat", lambda path: stats.append(path) or true(path)
    )
    monkeypatch.setattr("pazpaz_ai_client.signing.folder._read", reads.append)
    for _ in range(1000):
        assert ours.after(0.0019).signs == A
        assert ours.accepts("ml-2026-11-a")

    assert reads == []
    assert len(stats) == 0
    for seconds in (0.2, 1, 0.9):
        assert ours.after(seconds).signs == A
    assert len(stats) == 3
    assert ours.after(0.1).signs == A
    assert len(stats) == 6


def _in_place(path, moment):
    path.write_text("new")
    os.utime(path, ns=(moment, moment + 1))


def _longer_in_the_same_moment(path, moment):
    path.write_text("newer")
    os.utime(path, ns=(moment, moment))


def _another_file(path, moment):
    other = path.with_name("other")
    other.write_text("new")
    os.utime(other, ns=(moment, moment))
    other.rename(path)


@pytest.mark.parametrize("change", [_in_place, _longer_in_the_same_moment, _another_file])
def test_a_file_is_read_again_when_its_moment_size_or_place_changed(tmp_path, change):
    """Each of them alone: an editor, a coarse clock and a rename show by different ones."""
    path = tmp_path / RING
    path.write_text("old")
    watched = Watched("own", (path,), path.read_text, lambda *_: None)
    change(path, path.stat().st_mtime_ns)
    watched.refresh()
    assert watched.value.startswith("new")


def test_a_mounted_secret_is_followed(tmp_path, folder):
    """Kubernetes swaps one link and leaves every path as it was."""
    rotated(tmp_path / "ml", side="ml")
    mount = tmp_path / "mount"
    mount.mkdir()
    first, second = mount / "..1", mount / "..2"
    for version in (first, second):
        version.mkdir()
        for path in folder.iterdir():
            (version / path.name).write_bytes(path.read_bytes())
    (mount / "..data").symlink_to("..1")
    (mount / RING).symlink_to(f"..data/{RING}")
    (mount / f"{A}.pem").symlink_to(f"..data/{A}.pem")
    process = Process(mount, tmp_path / "ml" / RING)

    rotated(second, switch_after=timedelta())
    (mount / "..new").symlink_to("..2")
    (mount / f"{B}.pem").symlink_to(f"..data/{B}.pem")
    (mount / "..new").rename(mount / "..data")

    assert process.after(2).signs == B


def test_what_is_handed_over_is_the_file_itself(folder):
    """The ring holds what the other side reads, and no member it would stumble over."""
    rotated(folder)
    entries = json.loads((folder / RING).read_text())["keys"]

    assert [set(entry) for entry in entries] == [
        {"keyid", "public_key", "retired_at", "sign_from"}
    ] * 2
    assert entries[1]["retired_at"] is None


def test_lazy_keys_are_read_when_they_are_used(tmp_path):
    """A module that makes them is imported before the first rotation; its folder may be named by a string."""
    folder, ring = f"{tmp_path}/own", f"{tmp_path}/own/{RING}"
    keys = LazyKeys(folder=folder, ring_file=ring)
    with pytest.raises(KeysUnusable):
        keys.at(NOW)

    made = rotated(folder, side="ml").new.keyid

    assert keys.at(NOW).keyid == made
    assert keys.find(made, NOW).keyid == made
    assert TokenKeys(folder).at(NOW).keyid == made
    assert states(folder, NOW) == {made: "signing"}


def test_lazy_keys_follow_their_files_and_tell_as_live_ones_do(folder, monkeypatch):
    """Once read they are the same: rotated, retired, and told of."""
    monkeypatch.setattr("pazpaz_ai_client.signing.live.LOOK_SECONDS", 0)
    told = []
    keys = LazyKeys(
        folder=folder,
        ring_file=folder / RING,
        on_change=lambda *state: told.append(state),
        on_fault=lambda *fault: told.append(fault),
    )
    assert keys.at(NOW).keyid == A
    rotated(folder, switch_after=timedelta())
    assert keys.at(NOW).keyid == B
    (folder / RING).write_text("{")

    assert keys.find(A, NOW).keyid == A
    with pytest.raises(SignatureRefused):
        keys.find(A, NOW + OVERLAP)
    faults = [("own", "broken_ring"), ("theirs", "broken_ring")]
    assert told == [(B, (A, B)), *faults, (B, (B,))]
