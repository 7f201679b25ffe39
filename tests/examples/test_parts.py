"""The parts by themselves: shared numbers, limits, settings, callers, the load's bounds."""

import pytest

from examples.intake_service.callers import OPERATOR, SUBMITTER, Callers, add
from examples.intake_service.load import NotLoopbackError, Result, cards, loopback
from examples.intake_service.settings import Settings, SettingsError
from examples.intake_service.shared import Counters, Limits

GOOD = {
    "CARDRISK_KEY": "k" * 20 + "0123456789abcdef",
    "CARDRISK_SERVICE_STORE": "sqlite:///history.db",
    "CARDRISK_SERVICE_CALLERS": "open",
    "CARDRISK_SERVICE_SHARED": "shared",
}


def test_counters_sum_over_workers_and_outlive_them(tmp_path):
    one, two = (Counters(tmp_path, ["a", "b"]) for _ in range(2))
    one.values[0] += 3
    two.values[0] += 4
    two.values[1] += 1
    assert one.sums() == ([7, 1], 2)
    two.close()
    assert one.sums() == ([7, 1], 1)
    again = Counters(tmp_path, ["a", "b"])
    again.values[0] += 1
    assert one.sums() == ([8, 1], 2)
    again.close()
    one.close()


def test_counters_of_another_version_begin_anew(tmp_path):
    old = Counters(tmp_path, ["a"])
    old.values[0] += 3
    old.close()
    new = Counters(tmp_path, ["b", "c"])
    assert new.sums() == ([0, 0], 1)
    new.close()


def test_a_limit_is_shared_and_never_exceeded(tmp_path):
    one, two = (Limits(tmp_path, 4, rate=10, burst=5) for _ in range(2))
    let = [limit.take(0, now=100.0) for limit in (one, two) * 4]
    assert [wait == 0 for wait in let] == [True] * 5 + [False] * 3
    assert let[5] == pytest.approx(0.1)
    assert two.take(1, now=100.0) == 0  # another caller
    assert [two.take(0, now=100.1), one.take(0, now=100.1) > 0] == [0, True]
    passed = sum(limit.take(0, now=200 + i / 100) == 0 for i in range(1_000) for limit in (one, two))
    assert 100 + 5 - 1 <= passed <= 100 + 5
    one.close()
    two.close()


def test_a_limit_gets_over_what_a_former_boot_left(tmp_path):
    limit = Limits(tmp_path, 1, rate=10, burst=5)
    limit.take(0, now=1e9)
    assert limit.take(0, now=5.0) > 0
    assert limit.take(0, now=5.7) == 0
    assert limit.take(0, units=1_000_000, now=50.0) == 0  # more than the burst counts as the burst
    assert limit.take(0, now=50.0) > 0
    limit.close()


def test_settings_are_read():
    found = Settings.read({**GOOD, "CARDRISK_SERVICE_PORT": "9000", "CARDRISK_SERVICE_RATE": "0.5"})
    assert (found.port, found.rate, found.workers) == (9000, 0.5, 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"CARDRISK_SERVICE_PORT": "hunter2"}, "CARDRISK_SERVICE_PORT: expected a whole number from 1 to 65535"),
        ({"CARDRISK_SERVICE_RATE": "nan"}, "CARDRISK_SERVICE_RATE: expected a number"),
        ({"CARDRISK_SERVICE_PROT": "hunter2"}, "CARDRISK_SERVICE_PROT: no such setting"),
        ({"CARDRISK_SERVICE_KEEP_DAYS": "30"}, "CARDRISK_SERVICE_KEEP_DAYS: expected 0, or a whole number from 90"),
        ({"CARDRISK_SERVICE_STORE": "mysql://u:hunter2@h"}, "CARDRISK_SERVICE_STORE: expected sqlite"),
        ({"CARDRISK_SERVICE_CLOCK": "hunter2"}, "CARDRISK_SERVICE_CLOCK: expected one of arrival, given"),
        ({"CARDRISK_KEY": "hunter2"}, "CARDRISK_KEY: expected at least 32"),
        ({"CARDRISK_SERVICE_STORE": "memory://", "CARDRISK_SERVICE_WORKERS": "2"}, "workers do not share memory"),
    ],
)
def test_wrong_settings_are_named_without_their_values(change, said):
    with pytest.raises(SettingsError, match="CARDRISK") as error:
        Settings.read({**GOOD, **change})
    assert said in str(error.value)
    assert "hunter2" not in str(error.value)


def test_all_wrong_settings_are_named_at_once():
    with pytest.raises(SettingsError, match=r"(?s)STORE.*CALLERS.*SHARED.*KEY"):
        Settings.read({})


def test_a_store_with_a_password_is_not_shown():
    assert "hunter2" not in repr(Settings.read({**GOOD, "CARDRISK_SERVICE_STORE": "redis://:hunter2@localhost"}))


def test_callers_are_found_by_their_key_alone(tmp_path):
    path = tmp_path / "callers"
    keys = {scope: add(scope, scope, path) for scope in (SUBMITTER, OPERATOR)}
    callers = Callers(str(path))
    assert callers.of([(b"x-api-key", keys[SUBMITTER].encode())]).scope == SUBMITTER
    assert callers.of([(b"x-api-key", keys[OPERATOR].encode())]).sees_all
    assert callers.of([(b"x-api-key", b"")]) is None
    assert callers.of([]) is None
    assert not any(key in path.read_text() for key in keys.values())


@pytest.mark.parametrize("text", ["", "a submitter", "a boss " + "0" * 64, "# nothing but words"])
def test_a_callers_file_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "callers").write_text(text)
    with pytest.raises(SettingsError, match="callers"):
        Callers(str(tmp_path / "callers"))


@pytest.mark.parametrize(
    "host", ["example.com", "8.8.8.8", "0.0.0.0", "10.0.0.1", "::", "169.254.169.254", "no such host"]
)
def test_load_goes_to_the_loopback_only(host):
    with pytest.raises(NotLoopbackError, match="loopback"):
        loopback(host, 80)


def test_load_is_new_cards_and_says_what_it_found():
    made = cards(100)
    assert len({card["submission_id"] for card in made}) == 100
    result = Result(2.0, 0.5, [0.001] * 99 + [0.1])
    assert result.rate == 50
    assert (result.at(0.5), result.at(0.99)) == (1.0, 100.0)
    assert "50 requests/s" in str(result)
    assert loopback("127.0.0.1", 80) == "127.0.0.1"
