"""The safety overview: what people disclosed, what Handrail did about it, and how chatbots behave."""

from __future__ import annotations

from typing import Final

from dashboards.panels import JOB, RANGE, Board, Panel, Query, Row, Shape, happened, now, share, told, total

__all__ = ["SAFETY"]

_TURNS: Final = told("handrail_turns_total", every=1)
_RULES: Final = "topk(10, " + told("handrail_rules_total", "rule", 'outcome="fired"') + " > 0)"


def _signals(names: str) -> str:
    counted = told("handrail_signals_total", "signal", f'signal=~"{names}"', every=1)
    return f"topk(8, {share(counted, _TURNS)} > 0)"


SAFETY: Final = Board(
    "handrail-safety",
    "Handrail: safety overview",
    "What was noticed in conversations, what Handrail did, and what chatbots do. Scores are not clinically validated.",
    (
        Row(
            "Now",
            (
                Panel(
                    "Turns",
                    "Turns answered in the time that is shown.",
                    (Query(f"sum(increase(handrail_turns_total{{{JOB}}}[{RANGE}]))", "turns"),),
                    shape=Shape.NUMBER,
                    width=4,
                    decimals=0,
                ),
                Panel(
                    "Waiting for a person",
                    "Cases that nobody has acknowledged yet.",
                    (Query(total(now("handrail_cases", "severity, state", 'state=~"open|notified"')), "waiting"),),
                    shape=Shape.NUMBER,
                    width=4,
                    decimals=0,
                ),
                Panel(
                    "Referrals",
                    "Replies in which contact details of a crisis service were shown, in the time that is shown.",
                    (Query(f"sum(increase(handrail_referrals_total{{{JOB}}}[{RANGE}]))", "referrals"),),
                    shape=Shape.NUMBER,
                    width=4,
                    decimals=0,
                ),
                Panel(
                    "Degraded share",
                    "Share of turns that were not scored in full: all of them where no model scores above the lexicon.",
                    (Query(share(told("handrail_turns_total", where='status!="full"', every=1), _TURNS), "degraded"),),
                    unit="percentunit",
                    shape=Shape.NUMBER,
                    width=4,
                    decimals=1,
                ),
                Panel(
                    "Policy in force",
                    "Name and content hash; two of them for longer than a roll-over are a fault.",
                    (Query(f"count by (name, hash) (handrail_policy_info{{{JOB}}})", "{{name}} {{hash}}"),),
                    shape=Shape.NUMBER,
                    width=8,
                    words=True,
                ),
            ),
        ),
        Row(
            "What Handrail did",
            (
                Panel(
                    "Turns by action",
                    "Turns a minute by the strongest action on the reply.",
                    (Query(happened(told("handrail_turns_total", "action")), "{{action}}"),),
                    unit="cpm",
                    shape=Shape.STACK,
                ),
                Panel(
                    "Turns by status",
                    "Turns a minute by how fully they were scored.",
                    (Query(told("handrail_turns_total", "status"), "{{status}}"),),
                    unit="cpm",
                    shape=Shape.STACK,
                ),
                Panel(
                    "Decisions by severity",
                    "Decisions a minute, of either side's text, by the severity of what was found.",
                    (Query(told("handrail_decisions_total", "severity"), "severity {{severity}}"),),
                    unit="cpm",
                    shape=Shape.STACK,
                ),
                Panel(
                    "Rules that fired",
                    "The ten rules of the policy that fired most, times a minute.",
                    (Query(_RULES, "{{rule}}"),),
                    unit="cpm",
                ),
                Panel(
                    "Completions by reason",
                    "Words of Handrail's own in replies, times a minute, by the template that says why.",
                    (Query(happened(told("handrail_completions_total", "template")), "{{template}}"),),
                    unit="cpm",
                ),
                Panel(
                    "Referrals by class",
                    "Replies with a crisis service's contact details, times a minute, by class of service.",
                    (Query(happened(told("handrail_referrals_total", "class")), "{{class}}"),),
                    unit="cpm",
                ),
            ),
        ),
        Row(
            "Cases",
            (
                Panel(
                    "Open cases by severity",
                    "Cases that are not closed.",
                    (
                        Query(
                            total(now("handrail_cases", "severity, state", 'state!="closed"'), "severity"),
                            "severity {{severity}}",
                        ),
                    ),
                    shape=Shape.STACK,
                    width=12,
                    decimals=0,
                ),
                Panel(
                    "Cases by state",
                    "All open cases, and the closed ones of the last seven days.",
                    (Query(total(now("handrail_cases", "severity, state"), "state"), "{{state}}"),),
                    shape=Shape.STACK,
                    width=12,
                    decimals=0,
                ),
            ),
        ),
        Row(
            "What was noticed",
            (
                Panel(
                    "Risk signals",
                    "Share of turns in which a risk of the speaker scored at least one half; the eight highest.",
                    (Query(_signals("risk[.].*|abuse[.].*|violence[.].*"), "{{signal}}"),),
                    unit="percentunit",
                ),
                Panel(
                    "Distress, warning signs and concern for others",
                    "Share of turns in which these scored at least one half; the eight highest.",
                    (Query(_signals("distress|warning[.].*|concern[.].*"), "{{signal}}"),),
                    unit="percentunit",
                ),
                Panel(
                    "Attachment",
                    "Share of turns with a category of attachment to the chatbot (INTIMA).",
                    (Query(_signals("attachment[.].*"), "{{signal}}"),),
                    unit="percentunit",
                ),
            ),
        ),
        Row(
            "How the chatbot behaves",
            (
                Panel(
                    "Companion patterns",
                    "Share of turns whose reply reinforces companionship (INTIMA), before Handrail acts on it.",
                    (Query(_signals("companion[.].*"), "{{signal}}"),),
                    unit="percentunit",
                    width=6,
                ),
                Panel(
                    "Boundaries kept",
                    "Share of turns whose reply keeps a boundary (INTIMA).",
                    (Query(_signals("boundary[.].*"), "{{signal}}"),),
                    unit="percentunit",
                    width=6,
                ),
                Panel(
                    "Harmful replies",
                    "Share of turns whose reply scored one half or more on a harm, before Handrail acts on it.",
                    (Query(_signals("harm[.].*"), "{{signal}}"),),
                    unit="percentunit",
                    width=6,
                ),
                Panel(
                    "Refusals after a disclosure",
                    "Times a minute that the chatbot refused after a disclosure, by what became of its reply (ARSH).",
                    (Query(told("handrail_refusals_total", "outcome", 'disclosed="yes"'), "{{outcome}}"),),
                    unit="cpm",
                    width=6,
                ),
            ),
        ),
    ),
)
