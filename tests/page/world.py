"""Made-up answers of a collector, in the shapes of docs/api.md."""

from datetime import datetime, timedelta

VERDICTS = {"up", "degraded", "partial", "down", "unknown", "paused"}


def rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


PHASES = ("resolve", "connect", "tls", "processing", "transfer")
HOSTILE = '<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>\'"&amp;'


def a_target(i: int, now: datetime, **changes) -> dict:
    return {
        "name": f"www.site-{i:04d}.example",
        "url": f"https://www.site-{i:04d}.example/",
        "category": ["Travel", "News", "Shopping"][i % 3],
        "labels": {"team": "web", "tier": str(i % 4)},
        "interval": "10m",
        "paused": False,
        "verdict": "up",
        "since": rfc3339(now - timedelta(minutes=3 * i + 1)),
        "status": 200,
        "error": None,
        "latency_ms": 40 + (i * 37) % 900,
        "last_planned": rfc3339(now - timedelta(seconds=20 + i % 500)),
        "maintenance": None,
        "last_hour": {
            "cell_ms": 600_000,
            "cells": ["uuuuuu", "uumuuu", "usuuuo", "uuupuu"][i % 4],
            "maintenance": None,
        },
    } | changes


def a_probe(now: datetime, **changes) -> dict:
    return {
        "planned": rfc3339(now - timedelta(seconds=20)),
        "started": rfc3339(now - timedelta(seconds=20)),
        "agent": "a-1",
        "zone": "eu-west-1a",
        "status": 200,
        "error": None,
        "unexpected": None,
        "cause": None,
        "latency_ms": 41.7,
        "phases_ms": {"resolve": 1.2, "connect": 8.4, "tls": 17.9, "processing": 13.8, "transfer": 0.4},
        "address": "203.0.113.7:443",
        "protocol": "HTTP/2",
        "tls": "TLS 1.3",
        "redirects": 0,
        "location": None,
        "certificate_expires": rfc3339(now + timedelta(days=83)),
        "certificate_subject": "CN=shop.example",
        "certificate_issuer": "CN=R11, O=Let's Encrypt",
        "headers": {"server": "nginx" + HOSTILE},
        "body_start": "<html>" + HOSTILE,
        "body_bytes": 5120,
    } | changes


def a_detail(target: dict, now: datetime) -> dict:
    """The one target in full: as it is listed, from two vantages."""
    bad = target["verdict"] in ("down", "partial")
    finding = {"status": target["status"], "error": target["error"], "unexpected": "status" if bad else None}
    if target["error"]:
        finding |= {
            "unexpected": None,
            "cause": "10 s passed",
            "phases_ms": dict.fromkeys(PHASES, 0) | {"connect": 9e3},
        }
    seen = {
        "eu-west-1": target["verdict"] if target["verdict"] != "partial" else "down",
        "us-east-1": target["verdict"] if target["verdict"] != "partial" else "up",
    }
    good = a_probe(now - timedelta(minutes=50))

    def at(vantage: str, verdict: str) -> dict:
        newest = a_probe(now, **finding) if verdict == "down" else a_probe(now)
        failing = verdict == "down"
        return {
            "vantage": vantage,
            "verdict": verdict,
            "since": target["since"],
            "last_hour": target["last_hour"],
            "next_planned": rfc3339(now + timedelta(minutes=3)),
            "newest": None if verdict in ("unknown", "paused") else newest,
            "last_success": good if failing else newest,
            "newest_failure": newest if failing else None,
            "changed": {
                "status": {"success": "200", "failure": str(target["error"] or target["status"])},
                "address": {"success": "203.0.113.4:443", "failure": "203.0.113.7:443"},
                "redirect": None,
                "certificate": None,
                "slow_phase": {"phase": "connect", "success_ms": 8.4, "failure_ms": 9000.0},
            }
            if failing
            else None,
        }

    kept = {k: target[k] for k in ("name", "url", "category", "labels", "interval", "paused", "verdict", "since")}
    return kept | {
        "timeout": "10s",
        "method": "GET",
        "expect_status": "200-399",
        "maintenance": target["maintenance"],
        "last_hour": target["last_hour"],
        "vantages": [at(vantage, verdict) for vantage, verdict in seen.items()],
    }


def a_member(target: dict, now: datetime, **changes) -> dict:
    return {
        "name": target["name"],
        "down": target["verdict"] == "down",
        "since": rfc3339(now - timedelta(minutes=7)),
        "left": None,
        "why_left": None,
        "vantage": "eu-west-1",
        "planned": rfc3339(now - timedelta(minutes=8)),
        "status": target["status"],
        "error": target["error"],
        "unexpected": None if target["error"] else "status",
        "address": "203.0.113.7",
        "cause": f"not what was expected {HOSTILE}",
    } | changes


def an_incident(number: int, listed: list[dict], now: datetime, **changes) -> dict:
    has_it = [m for m in listed if m["left"] is None]
    return {
        "id": f"5c3a9f01-{number}",
        "kind": "failing",
        "state": "open",
        "severity": "critical",
        "title": f"{len(has_it)} targets at 203.0.113.7: not well (status 503)",
        "cause": {"kind": "address", "value": "203.0.113.7"},
        "labels": {},
        "opened": rfc3339(now - timedelta(minutes=7)),
        "closed": None,
        "flaps": 0,
        "members": {"now": len(has_it), "peak": len(listed)},
        "targets": listed,
    } | changes


def the_incidents(targets: list[dict], now: datetime) -> list[dict]:
    """An outage of many, a regional problem of one, a certificate; and two that are over."""
    down = [a_member(t, now) for t in targets if t["verdict"] == "down"]
    gone = a_member(targets[20], now, left=rfc3339(now - timedelta(minutes=2)), why_left="maintenance")
    over = {"state": "closed", "opened": rfc3339(now - timedelta(hours=2))}
    over |= {"closed": rfc3339(now - timedelta(minutes=42)), "members": {"now": 0, "peak": 12}}
    left = a_member(targets[21], now, left=rfc3339(now - timedelta(minutes=42)), why_left="well")
    alone = {"cause": {"kind": "target", "value": targets[7]["name"]}, "title": f"{targets[7]['name']}: 503"}
    return [
        an_incident(9, [*down, gone], now, labels={"team": "web", HOSTILE: HOSTILE}),
        an_incident(8, [a_member(targets[7], now)], now, severity="warning", flaps=2, **alone),
        an_incident(
            7,
            [a_member(targets[30], now)],
            now,
            kind="certificate",
            severity="warning",
            title=f"a certificate expires in 3 d {HOSTILE}",
            cause={"kind": "certificate", "value": "CN=shop.example"},
        ),
        an_incident(6, [left], now, title="12 targets on old.example: not well (timeout)", **over),
        an_incident(5, [left], now, title="the second to last", **over),
    ]


def a_history(now: datetime) -> dict:
    """A day of one target from two vantages, with a missed stretch and an outage."""
    top = now.replace(minute=0, second=0, microsecond=0)

    def hour(i: int) -> dict:
        missed = {"agent_lost": 4} if i == 3 else {}
        failed = 5 if i in (8, 9) else 0
        up = 12 - sum(missed.values()) - failed
        return {
            "start": rfc3339(top - timedelta(hours=i)),
            "final": i > 1,
            "revision": 2 if i == 5 else min(i, 1),
            "slots": {"expected": 12, "received": up + failed, "missed": missed, "open": 0},
            "status_codes": {"200": up},
            "unexpected": {"status": 0, "body": 0},
            "failures": {"timeout": failed} if failed else {},
            "latency_ms": {"p50": 41.7, "p90": 48, "p95": 52, "p99": 60.1, "max": 60.1},
            "in_maintenance": 6 if i == 2 else 0,
            "uptime": {"low": up / 12, "high": (12 - failed) / 12, "coverage": (up + failed) / 12},
        }

    def slot(i: int) -> dict:
        none = dict.fromkeys(("started", "agent", "zone", "status", "error", "unexpected", "missed", "latency_ms"))
        planned = rfc3339(now - timedelta(minutes=5 * i))
        one = none | {"planned": planned, "vantage": ["eu-west-1", "us-east-1"][i % 2], "state": "received"}
        one |= {"maintenance": 8 <= i < 14}
        if i == 0:
            return one | {"state": "open"}
        if 36 <= i < 44:
            return one | {"state": "missed", "missed": "agent_lost"}
        one |= {"started": planned, "agent": "a-1", "zone": "eu-west-1a"}
        if 96 <= i < 106:
            return one | {"error": "timeout", "latency_ms": 10_000}
        return one | {"status": 200, "latency_ms": 40 + (i * 7) % 30 + 60 * (i % 2)}

    return {
        "name": "x",
        "as_of": rfc3339(now),
        "window": {"from": rfc3339(now - timedelta(days=1)), "to": rfc3339(now)},
        "hours": [hour(i) for i in range(24)],
        "slots_from": rfc3339(now - timedelta(days=2)),
        "slots": [slot(i) for i in range(288)],
        "next_cursor": None,
    }


def a_change(i: int, target: dict, now: datetime) -> dict:
    return {
        "id": 1000 - i,
        "name": target["name"],
        "category": target["category"],
        "from": "up",
        "since": rfc3339(now - timedelta(hours=5)),
        "to": target["verdict"],
        "at": target["since"] or rfc3339(now),
        "fresh": 2,
        "failing": [{"vantage": "eu-west-1", "status": 503, "error": None, "unexpected": "status"}],
    }


def an_agent(name: str, vantage: str, zone: str, now: datetime, **changes) -> dict:
    return {
        "id": name,
        "vantage": vantage,
        "zone": zone,
        "state": "connected",
        "targets": 440,
        "version": "0.1.0",
        "capacity": 512,
        "in_flight": 7,
        "waiting": 0,
        "outbox_bytes": 18_432,
        "lateness_ms": 3,
        "shards": 1365,
        "clock_offset_ms": -1.84,
        "clock_error_ms": 0.41,
        "connected_since": rfc3339(now - timedelta(hours=5)),
        "last_heard": rfc3339(now - timedelta(seconds=1)),
        "watermark": rfc3339(now - timedelta(seconds=2)),
        "refused": [],
    } | changes


def a_busy_world(now: datetime) -> dict:
    """An hour of 1,321 sites from two vantages, with every kind of trouble the page has a word for."""
    start = now.replace(minute=now.minute // 10 * 10, second=0, microsecond=0)
    codes = {"200": 609, "301": 297, "403": 129, "500": 79, "302": 66, "408": 47, "406": 37, "404": 22, "405": 10}
    rounds = [
        {
            "start": rfc3339(start - timedelta(minutes=10 * i)),
            "expected": 1321 if i else 417,
            "received": {0: 409, 2: 1303}.get(i, 1318),
            "missed": {0: {}, 2: {"agent_lost": 15, "overloaded": 3}}.get(i, {"agent_lost": 3}),
            "open": 0 if i else 8,
            "status_codes": codes if i else {"200": 200, "301": 120, "403": 40, "500": 40},
            "failures": {0: {"timeout": 9}, 2: {"timeout": 5, "dns": 2}}.get(i, {"timeout": 12, "dns": 7, "tls": 3}),
            "latency_ms": {"p50": 80 + 7 * i, "p90": 300, "p95": 800 - 40 * i, "p99": 3000, "max": 9874},
        }
        for i in range(6)
    ]
    targets = [a_target(i, now) for i in range(130)]
    for i in range(0, 36, 2):
        targets[i] |= {"verdict": "down", "status": [403, 500, 408, 503][i % 4]}
    targets[4] |= {"status": None, "error": "timeout", "latency_ms": None}
    for i in range(0, 36, 2):
        targets[i] |= {"last_hour": {"cell_ms": 600_000, "cells": "uumfff", "maintenance": None}}
    for i in (1, 2, 3):
        targets[i] |= {
            "maintenance": rfc3339(now + timedelta(minutes=20)),
            "last_hour": {"cell_ms": 600_000, "cells": "uumfff", "maintenance": "...www"},
        }
    targets[7] |= {"verdict": "partial", "status": 503}
    targets[9] |= {"verdict": "degraded", "latency_ms": 4210}
    targets[11] |= {"verdict": "unknown", "status": None, "latency_ms": None, "since": None}
    targets[13] |= {"paused": True, "verdict": "paused", "status": None, "latency_ms": None, "since": None}
    targets[0] |= {
        "name": HOSTILE,
        "url": "https://evil.example/?q=" + HOSTILE,
        "category": HOSTILE,
        "labels": {HOSTILE: HOSTILE, "long": "x" * 200},
        "since": rfc3339(now - timedelta(seconds=5)),
        "status": None,
        "error": "tls",
    }
    return {
        "summary": {
            "window": {"from": rfc3339(now - timedelta(hours=1)), "to": rfc3339(now)},
            "targets": {
                "total": 1321,
                "up": 971,
                "degraded": 4,
                "partial": 2,
                "down": 338,
                "unknown": 5,
                "paused": 1,
            },
            "slots": {"expected": 7926, "received": 7888, "missed": {"agent_lost": 27, "overloaded": 3}, "open": 8},
            "status_codes": {k: v * 6 for k, v in codes.items()} | {"303": 12, "429": 18, "202": 6},
            "unexpected": {"status": 2028, "body": 3},
            "failures": {"timeout": 69, "dns": 30, "tls": 12, "connect": 7},
            "latency_ms": {"p50": 84, "p90": 412, "p95": 830, "p99": 3120, "max": 9874},
            "in_maintenance": 18,
            "uptime": {"low": 0.7142, "high": 0.7179, "coverage": 0.99621},
            "rounds": rounds,
        },
        "incidents": the_incidents(targets, now),
        "agents": [
            an_agent("a-1", "eu-west-1", "eu-west-1a", now),
            an_agent("a-2", "eu-west-1", "eu-west-1b", now, in_flight=12, lateness_ms=18),
            an_agent("a-3", "eu-west-1", "eu-west-1c", now, state="draining", targets=0),
            an_agent("b-1", "us-east-1", "us-east-1a", now),
            an_agent("b-2-" + HOSTILE, "us-east-1", "us-east-1b", now, state="lost", watermark=None),
        ],
        "vantages": [
            {"name": "eu-west-1", "state": "active", "agents": 3, "targets": 1321, "last_seen": rfc3339(now)},
            {"name": "us-east-1", "state": "active", "agents": 2, "targets": 1321, "last_seen": rfc3339(now)},
        ],
        "rejected": {
            "file": "sites.csv",
            "problem": None,
            "total": 3,
            "rows": [
                {"line": 17, "name": HOSTILE, "reason": "url: `ftp://x` is not http or https " + HOSTILE},
                {"line": 90, "name": "www.twice.example", "reason": "name: seen before, in line 12"},
                {"line": 91, "name": "", "reason": "timeout: 30s is longer than the interval 10s"},
            ],
        },
        "targets": targets,
        "changes": [a_change(i, t, now) for i, t in enumerate([*targets[:14:2], targets[7]])],
        "details": {},
        "history": a_history(now),
        "probed": {
            "name": "x",
            "asked": rfc3339(now),
            "vantages": [
                {"vantage": "eu-west-1", "agent": "a-1", "zone": "eu-west-1a", "answer": "result"}
                | {"result": {k: v for k, v in a_probe(now).items() if k not in ("planned", "agent", "zone")}},
                {"vantage": "us-east-1", "agent": None, "zone": None, "answer": "no_agent", "result": None},
            ],
        },
    }


def an_empty_world(now: datetime) -> dict:
    """Just started: 1,321 targets are loaded, and nothing has come back yet."""
    busy = a_busy_world(now)
    return busy | {
        "summary": {
            "window": busy["summary"]["window"],
            "targets": {
                "total": 1321,
                "up": 0,
                "degraded": 0,
                "partial": 0,
                "down": 0,
                "unknown": 1321,
                "paused": 0,
            },
            "slots": {"expected": 1321, "received": 0, "missed": {}, "open": 1321},
            "status_codes": {},
            "unexpected": {"status": 0, "body": 0},
            "failures": {},
            "latency_ms": {"p50": None, "p90": None, "p95": None, "p99": None, "max": None},
            "in_maintenance": 0,
            "uptime": None,
            "rounds": [],
        },
        "incidents": [],
        "agents": busy["agents"][:1],
        "vantages": busy["vantages"][:1],
        "changes": [],
        "rejected": {"file": "sites.csv", "problem": None, "total": 0, "rows": []},
        "targets": [
            a_target(
                i,
                now,
                verdict="unknown",
                since=None,
                status=None,
                latency_ms=None,
                last_planned=None,
                last_hour={"cell_ms": 600_000, "cells": ".....o", "maintenance": None},
            )
            for i in range(60)
        ],
    }
