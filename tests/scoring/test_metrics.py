"""Counters and latencies as Prometheus reads them; log lines as JSON, without a code."""

import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor

from cardrisk.scoring.metrics import BUCKETS, Metrics

from .events import plain

LINE = re.compile(r'(# (HELP|TYPE) cardrisk_\w+ .+|cardrisk_\w+(\{\w+="([^"\\]|\\.)*"(,\w+="([^"\\]|\\.)*")*\})? \S+)')


def test_text_is_of_the_format_and_adds_up() -> None:
    metrics = Metrics({"version": 'a"b\\c\nd'})
    metrics.count("scores", "accept", 3)
    for seconds in (*BUCKETS, 7.0):
        metrics.answered((), seconds)
    text = metrics.text()
    assert text.endswith("\n")
    assert all(LINE.fullmatch(line) for line in text.splitlines())
    assert 'cardrisk_scores_total{decision="accept"} 3' in text
    assert 'cardrisk_info{version="a\\"b\\\\c\\nd"} 1' in text
    assert 'cardrisk_score_seconds_bucket{le="1.0"} 13' in text
    assert 'cardrisk_score_seconds_bucket{le="+Inf"} 14' in text
    assert "cardrisk_score_seconds_count 14" in text


def test_threads_lose_no_count() -> None:
    metrics = Metrics({})
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: metrics.count("scores", "hold"), range(4_000)))
    assert metrics.value("scores", "hold") == 4_000


def test_log_lines_are_json_and_hold_no_code(tiny, make, caplog) -> None:
    rows = [plain(row) for row in tiny.late.head(20).to_dict("records")]
    with caplog.at_level(logging.INFO, "cardrisk.scoring"):
        scores = make().score(rows)
    lines = [json.loads(record.message) for record in caplog.records]
    assert {line["submission_id"] for line in lines} == {score.submission_id for score in scores}
    assert len(lines) == len(scores)
    assert {line["event"] for line in lines} == {"score"}
    assert all(line["version"] and line["model_version"] for line in lines)
    text = caplog.text
    for row in rows:
        assert not any(str(row[c]) in text for c in ("card_no", "card_secret", "client_ip", "device_id") if c in row)
