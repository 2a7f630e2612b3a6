"""Service health: whether it answers, how fast, and whether anything may be lost."""

from __future__ import annotations

from typing import Final

from dashboards.panels import JOB, RANGE, RATE, Board, Panel, Query, Row, Shape, happened, now, since, told, total
from dashboards.recording import AGE, AVAILABILITY, SCORING

__all__ = ["SERVICE"]


def _quantile(quantile: float, metric: str, by: str = "", where: str = "", window: str = RATE) -> str:
    selector = f"{metric}_bucket{{{JOB}{', ' if where else ''}{where}}}"
    return f"histogram_quantile({quantile}, sum by (le{', ' if by else ''}{by}) (rate({selector}[{window}])))"


def _quantiles(metric: str, window: str = RATE) -> tuple[Query, ...]:
    return tuple(Query(_quantile(quantile, metric, window=window), f"p{quantile * 100:g}") for quantile in (0.5, 0.95, 0.99))


def _opinions(outcomes: str) -> str:
    """How many questions had one of these outcomes in the time that is shown."""
    return total(f'increase(handrail_opinions_total{{{JOB}, outcome=~"{outcomes}"}}[{RANGE}])')


def _counted(title: str, about: str, query: str, word: str) -> Panel:
    """One number of the time that is shown, a quarter of a row wide."""
    return Panel(title, about, (Query(query, word),), shape=Shape.NUMBER, width=6, decimals=0)


_DIFFERENT: Final = (
    "sum by (signal, agreement) "
    f'(increase(handrail_opinion_signals_total{{{JOB}, agreement=~"scored_only|second_only"}}[1h]))'
)

SERVICE: Final = Board(
    "handrail-service",
    "Handrail: service health",
    "Whether Handrail answers, how much it adds, and whether anything waits that must not be lost.",
    (
        Row(
            "Now",
            (
                Panel(
                    "Available, last hour",
                    "Share of requests that were not answered with an error of the server (5xx).",
                    (Query(f"1 - max({AVAILABILITY.record('1h')}{{{JOB}}})", "available"),),
                    unit="percentunit",
                    shape=Shape.NUMBER,
                    width=4,
                    decimals=2,
                ),
                Panel(
                    "Scored, last hour",
                    "Share of calls to the scorer that it answered.",
                    (Query(f"1 - max({SCORING.record('1h')}{{{JOB}}})", "answered"),),
                    unit="percentunit",
                    shape=Shape.NUMBER,
                    width=4,
                    decimals=2,
                ),
                Panel(
                    "Gateways",
                    "Gateway processes that run.",
                    (Query(f'sum(handrail_processes{{{JOB}, role="gateway"}})', "gateways"),),
                    shape=Shape.NUMBER,
                    width=4,
                    decimals=0,
                ),
                Panel(
                    "Journal in use",
                    "Bytes of turns that PostgreSQL could not take yet; anything but zero needs a look.",
                    (Query(f"sum(handrail_journal_bytes{{{JOB}}})", "bytes"),),
                    unit="bytes",
                    shape=Shape.NUMBER,
                    width=4,
                    limit=1,
                ),
                Panel(
                    "Operational alerts",
                    "Open alerts of Handrail's own.",
                    (Query(total(now("handrail_alerts_open", "kind")), "open"),),
                    shape=Shape.NUMBER,
                    width=4,
                    limit=1,
                    decimals=0,
                ),
                Panel(
                    "Since the last count",
                    "Seconds since the database was last counted; people's numbers are that old.",
                    (Query("time() - " + now("handrail_counted_timestamp_seconds"), "seconds"),),
                    unit="s",
                    shape=Shape.NUMBER,
                    width=4,
                    limit=60,
                    decimals=0,
                ),
            ),
        ),
        Row(
            "Latency",
            (
                Panel(
                    "Stages, median",
                    "Half of all turns took no longer in each stage.",
                    (Query(_quantile(0.5, "handrail_stage_seconds", "stage"), "{{stage}}"),),
                    unit="s",
                    width=12,
                ),
                Panel(
                    "Stages, 95th percentile",
                    "95 of 100 turns took no longer in each stage.",
                    (Query(_quantile(0.95, "handrail_stage_seconds", "stage"), "{{stage}}"),),
                    unit="s",
                    width=12,
                ),
                Panel(
                    "Hold-back",
                    "From a passage's last token to its release.",
                    _quantiles("handrail_hold_back_seconds"),
                    unit="s",
                ),
                Panel(
                    "Upstream's first token",
                    "From the call upstream to the first bytes of a stream.",
                    _quantiles("handrail_upstream_first_token_seconds"),
                    unit="s",
                ),
                Panel(
                    "Added latency",
                    "How much longer than the chatbot alone a client waited, to the first and the last bytes of its reply.",
                    (
                        Query(_quantile(0.5, "handrail_added_seconds", "until"), "p50 {{until}}"),
                        Query(_quantile(0.95, "handrail_added_seconds", "until"), "p95 {{until}}"),
                    ),
                    unit="s",
                ),
            ),
        ),
        Row(
            "Errors",
            (
                Panel(
                    "Requests by status",
                    "Requests a second by status code; 499 is a client that went away.",
                    (Query(happened(told("handrail_requests_total", "code", every=1)), "{{code}}"),),
                    unit="reqps",
                    shape=Shape.STACK,
                ),
                Panel(
                    "Upstream failures",
                    "Failed calls to the chatbot a minute, by reason.",
                    (Query(happened(told("handrail_upstream_failures_total", "reason")), "{{reason}}"),),
                    unit="cpm",
                ),
                Panel(
                    "Bad requests",
                    "Requests a minute that could not be read, by reason.",
                    (Query(happened(told("handrail_bad_requests_total", "reason")), "{{reason}}"),),
                    unit="cpm",
                ),
                Panel(
                    "Detector failures",
                    "Calls a minute not answered: scores (the lexicon answered instead) and searches for names (entities).",
                    (
                        Query(
                            happened(told("handrail_detector_failures_total", "detector, reason")), "{{detector}} {{reason}}"
                        ),
                    ),
                    unit="cpm",
                ),
                Panel(
                    "Error budgets, burn rate",
                    "How many times faster than allowed the budget of a month was spent in the last hour.",
                    (
                        Query(f"max({AVAILABILITY.record('1h')}{{{JOB}}}) / {AVAILABILITY.budget:g}", "availability"),
                        Query(f"max({SCORING.record('1h')}{{{JOB}}}) / {SCORING.budget:g}", "scoring"),
                    ),
                    limit=14.4,
                ),
                Panel(
                    "Operational alerts by kind",
                    "Open alerts of Handrail's own.",
                    (Query(now("handrail_alerts_open", "kind"), "{{kind}}"),),
                    shape=Shape.STACK,
                    decimals=0,
                ),
            ),
        ),
        Row(
            "What waits",
            (
                Panel(
                    "Journal",
                    "Bytes in the journals of all gateways: turns that PostgreSQL could not take yet.",
                    (Query(f"sum(handrail_journal_bytes{{{JOB}}})", "in use"),),
                    unit="bytes",
                ),
                Panel(
                    "Age of what waits",
                    "How long the oldest message waits for the relay, and the oldest delivery for its receiver.",
                    (
                        Query(since(now("handrail_outbox_oldest_timestamp_seconds")), "outbox"),
                        Query(since(now("handrail_delivery_oldest_timestamp_seconds")), "delivery"),
                    ),
                    unit="s",
                ),
                Panel(
                    "Queues",
                    "Texts that wait in the scorer, and messages and deliveries that wait to go out.",
                    (
                        Query(now("handrail_queue_depth", "queue"), "{{queue}}"),
                        Query(now("handrail_outbox_waiting"), "outbox and deliveries"),
                    ),
                    decimals=0,
                ),
            ),
        ),
        Row(
            "Second opinions",
            (
                _counted(
                    "Questions sent",
                    "Put to the endpoint in the time that is shown; one that is asked twice in a row counts once.",
                    f"sum(increase(handrail_opinion_seconds_count{{{JOB}}}[{RANGE}]))",
                    "sent",
                ),
                _counted(
                    "Answered",
                    "Questions in the time that is shown whose answer fitted the rubric; only these give labels.",
                    _opinions("answered"),
                    "answered",
                ),
                _counted(
                    "Given up",
                    "Questions in the time that is shown that were refused, failed or had no stored text.",
                    _opinions("refused|failed|no_text"),
                    "given up",
                ),
                _counted(
                    "Endpoint away",
                    "Tries in the time that is shown that met no answer; after each the endpoint is left alone.",
                    _opinions("away"),
                    "away",
                ),
                Panel(
                    "What came of the questions",
                    "Questions in the hour before, by what came of them; one that met no answer is away each time.",
                    (Query(f"sum by (outcome) (increase(handrail_opinions_total{{{JOB}}}[1h]))", "{{outcome}}"),),
                    shape=Shape.STACK,
                ),
                Panel(
                    "How long the endpoint took",
                    "For one question in the hour before, a second try at an answer that did not fit included.",
                    _quantiles("handrail_opinion_seconds", "1h"),
                    unit="s",
                ),
                Panel(
                    "Where scores and opinions differ",
                    "Times in the hour before that only one of both said that a signal is there; the eight highest.",
                    (Query(f"topk(8, {_DIFFERENT} > 0)", "{{signal}}, {{agreement}}"),),
                ),
            ),
        ),
        Row(
            "Processes",
            (
                Panel(
                    "Memory by role",
                    "Bytes of all processes of a role and their children; shared pages count by their share.",
                    (Query(f"sum by (role) (handrail_process_memory_bytes{{{JOB}}}) > 0", "{{role}}"),),
                    unit="bytes",
                ),
                Panel(
                    "Processes by role",
                    "Processes that the supervisors started and that run.",
                    (Query(f"sum by (role) (handrail_processes{{{JOB}}})", "{{role}}"),),
                    decimals=0,
                ),
                Panel(
                    "Since the last sign of life",
                    "Seconds since the worker, its tasks (through the broker) and the console were last heard of.",
                    (Query(f"max by (process) ({AGE}{{{JOB}}}) < 1e8", "{{process}}"),),
                    unit="s",
                    limit=60,
                ),
            ),
        ),
    ),
)
