"""Cards a second through the intake boundary, beside the bare standard library's HMAC over the same strings.

Prints, on one core and on two processes that read their own halves: cards a second through normalise, shape, facts
and tokens; the time per card over that of ``hmac.digest`` for as many strings as the boundary makes tokens of (the
issue's bound is 2); and one card at a time. Checks that the tokens are those of the standard library.

    python benchmarks/codes.py [--small]
"""

import argparse
import hmac
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pandas as pd

from cardrisk.codes import TOKENS, Intake, Key
from cardrisk.codes.tokens import prefix, token
from cardrisk.kinds import KINDS

KEY = b"a key for benchmarks alone, 32 bytes +"
DIGIT_KINDS = ("junnet", "qq", "zhengtu", "china_mobile", "china_telecom", "netease")
DIRTY = 0.05
BATCH = 40


def made_up(count: int, seed: int) -> pd.DataFrame:
    """Cards as a platform sees them: batches of forty, hyphens in some, full-width digits or labels in a few."""
    rng = np.random.default_rng(seed)
    kinds = rng.choice(DIGIT_KINDS, count)
    fields = {}
    for name in ("number", "secret"):
        lengths = np.array([getattr(KINDS[kind], name).lengths[0] for kind in kinds])
        digits = rng.integers(48, 58, (count, 24)).astype(np.uint8)
        fields[name] = [row[:size].tobytes().decode() for row, size in zip(digits, lengths, strict=True)]
    for row in np.flatnonzero(rng.random(count) < DIRTY):
        code = fields["number"][row]
        fields["number"][row] = [f"{code[:4]}-{code[4:]}", f"卡号：{code}", f"{code[:4]} {code[4:]}"][row % 3]
    batch = np.arange(count) // BATCH
    return pd.DataFrame(
        {
            "submission_id": pd.array([f"s{i}" for i in range(count)], "str"),
            "submitted_at": pd.Timestamp("2026-01-05", tz="UTC") + pd.to_timedelta(batch, "s"),
            "batch_id": pd.array([f"b{i}" for i in batch], "str"),
            "card_kind": pd.array(kinds, "str"),
            "card_no": pd.array(fields["number"], "str"),
            "card_secret": pd.array(fields["secret"], "str"),
            "client_ip": pd.array([f"198.51.{i % 90}.{i % 250}" for i in batch], "str"),
            "device_id": pd.array([f"device-{i % 7000}" for i in batch], "str"),
        }
    )


def check(taken: pd.DataFrame, cards: pd.DataFrame) -> None:
    key = Key(KEY)
    for row in range(0, len(cards), max(1, len(cards) // 50)):
        code = "".join(c for c in cards["card_no"].iloc[row] if c.isdigit())
        assert taken["number_token"].iloc[row] == token(key, "number", cards["card_kind"].iloc[row], code)
    assert taken[["number_token", "secret_token", "card_token", "serial_block"]].notna().all(axis=None)


def bare(cards: pd.DataFrame) -> float:
    """Seconds that ``hmac.digest`` takes for the same strings: four a card, addresses and devices once each."""
    rows = zip(cards["card_kind"], cards["card_no"], cards["card_secret"], strict=True)
    heads = {
        (field, kind): prefix(field, kind) for field in ("number", "secret", "card", "block") for kind in DIGIT_KINDS
    }
    strings = []
    for kind, number, secret in rows:
        a, b = number.encode(), secret.encode()
        strings += [
            heads["number", kind] + a, heads["secret", kind] + b,
            heads["card", kind] + a + b"\x1f" + b, heads["block", kind] + a[:-3],
        ]  # fmt: skip
    strings += [prefix("ip", "") + ip.encode() for ip in cards["client_ip"].unique()]
    strings += [prefix("device", "") + device.encode() for device in cards["device_id"].unique()]
    began = time.perf_counter()
    for text in strings:
        hmac.digest(KEY, text, "sha256")
    return time.perf_counter() - began


def worker(arguments: tuple[int, int, int]) -> float:
    """Make a half, warm up, wait for the common start, take the half in; return when it was done."""
    count, seed, repeats = arguments
    cards, boundary = made_up(count, seed), Intake(KEY)
    boundary.frame(cards[:100])
    began = time.perf_counter()
    for _ in range(repeats):
        boundary.frame(cards)
    return count * repeats / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true")
    count = 20_000 if parser.parse_args().small else 300_000
    cards, boundary = made_up(count, 1), Intake(KEY)
    check(boundary.frame(cards), cards)
    seconds, peers, busy = [], [], []
    for _ in range(3):
        began, ticks = time.perf_counter(), time.process_time()
        boundary.frame(cards)
        seconds.append(time.perf_counter() - began)
        busy.append(time.process_time() - ticks)
        peers.append(bare(cards))
    print(f"one core      {count / min(seconds):12,.0f} cards/s")
    print(f"one core      {count / min(busy):12,.0f} cards per second of processor time (a busy machine gives less)")
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        rates = list(pool.map(worker, [(count // 2, seed, 6) for seed in (2, 3)]))
    print(f"two processes {sum(rates):12,.0f} cards/s (bound: 300,000)")
    print(f"bare hmac     {count / min(peers):12,.0f} cards/s on one core, same strings")
    print(f"ratio to bare hmac {min(seconds) / min(peers):.2f} (bound: 2)")
    few = cards[:2_000].to_dict("records")
    began = time.perf_counter()
    alone = [boundary.one(card) for card in few]
    each = (time.perf_counter() - began) / len(few)
    taken = boundary.frame(cards)
    assert all(alone[row][name] == taken[name].iloc[row] for row in range(0, 2_000, 40) for name in TOKENS)
    string = min(peers) / (4 * count)
    print(f"one card      {each * 1e6:12.1f} us, {each / string:.1f} times one bare hmac ({string * 1e6:.2f} us)")


if __name__ == "__main__":
    main()
