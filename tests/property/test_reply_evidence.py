"""Where the scores of a reply stand: in what the chatbot gave, however it was cut, on the words that were scored."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detectors.signals import Scores, Side, Tier, vocabulary
from guard.gateway.gate import Gate
from guard.gateway.held import Piece
from guard.gateway.openai_frames import decode_strings
from guard.turns.contract import Ending, Passage, Reply, Status, Verdict, VerdictKind
from guard.turns.evidence import of_passage, of_whole, standing
from guard.turns.tally import Tally
from policies.decision import Action
from tests.property.exchanges import Script, answer

SIGNALS = [signal.name for signal in vocabulary(Side.REPLY) if not signal.whole][:4]
TEXT = st.text(st.sampled_from("ab .!\n😀é\u200b王\ud800"), min_size=1, max_size=40)
SLOTS = st.sampled_from(
    [("content", ""), ("content", ""), ("content", "audio"), ("refusal", ""), ("reasoning", ""), ("tool", "x")]
)
PIECES = st.lists(st.tuples(st.integers(0, 1), SLOTS, TEXT), max_size=12)


def _scores(values: dict[str, float], spans: dict[str, tuple[int, int]]) -> Scores:
    return Scores.of(Side.REPLY, "test@1", values, tier=Tier.FULL, spans=spans)


@st.composite
def scored(draw: st.DrawFn, text: str) -> Scores:
    """Scores of ``text`` whose spans may lie anywhere, as a detector of somebody else's may put them."""
    spans = {}
    for name in draw(st.sets(st.sampled_from(SIGNALS))):
        start = draw(st.integers(0, len(text)))
        spans[name] = start, draw(st.integers(start, len(text) + 2))
    return _scores({name: draw(st.sampled_from([0.1, 0.5, 0.9])) for name in SIGNALS}, spans)


@settings(deadline=None)
@given(TEXT, st.lists(st.integers(1, 39), max_size=5), st.data())
def test_a_signal_s_span_is_the_words_that_its_passage_named(text: str, cuts: list[int], data: st.DataObject) -> None:
    """Whatever the passages are: the value in the record and its words are those of one and the same passage."""
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    tally, said = Tally(), []
    for start, end in pairwise(edges):
        passage = Passage(0, "content", text[start:end], at=start)
        scores = data.draw(scored(passage.text))
        said.append((passage, scores))
        tally.hear(of_passage(scores, passage, alone=True), passage.choice, read=True)
    assert tally.reply is not None
    for name in SIGNALS:
        best = max(scores.value(name) or 0.0 for _, scores in said)
        first = next((passage, scores) for passage, scores in said if scores.value(name) == best)
        named = first[1].spans.get(name)
        words = None if named is None or not named[0] < named[1] <= len(first[0].text) else first[0].text[slice(*named)]
        found = tally.reply.get(name)
        assert found.value == best
        assert (found.span is None) == (words is None)
        if found.span is not None:
            assert 0 <= found.span[0] < found.span[1] <= len(text)
            assert text[slice(*found.span)] == words


@settings(deadline=None)
@given(TEXT, st.lists(st.tuples(st.integers(0, 39), st.integers(0, 9), st.text("ab .", max_size=5)), max_size=2), st.data())
@example("Do it now. Fine.", [(0, 10, "")], None)
def test_what_was_read_without_what_was_withheld_points_into_what_was_given(
    text: str, changes: list[tuple[int, int, str]], data: st.DataObject | None
) -> None:
    read = text
    for start, length, words in changes:
        read = read[:start] + words + read[start + length :]
    scores = data.draw(scored(read)) if data is not None else _scores({SIGNALS[0]: 0.9}, {SIGNALS[0]: (1, 5)})
    found = of_whole(scores, read, text, alone=True)
    for name, (start, end) in found.spans.items():
        assert 0 <= start < end <= len(text)
        assert text[start:end] == read[slice(*scores.spans[name])]
    if data is None:
        assert found.spans == {SIGNALS[0]: (11, 15)}
    if read == text:
        assert found.spans == {name: span for name, span in scores.spans.items() if span[0] < span[1] <= len(text)}
    assert (found.values, found.tiers) == (scores.values, scores.tiers)
    assert not of_whole(scores, read, text, alone=False).spans


@given(TEXT, TEXT, st.data())
def test_what_is_stored_holds_every_span_unless_it_says_how_far(text: str, stored: str, data: st.DataObject) -> None:
    spans = {name: span for name, span in data.draw(scored(text)).spans.items() if span[0] < span[1] <= len(text)}
    told = standing(_scores(dict.fromkeys(SIGNALS, 0.9), spans), text, stored)
    for start, end in spans.values():
        if end <= told.get("kept", len(text)):
            assert stored[start:end] == text[start:end]
    assert told or all(end <= len(stored) for _, end in spans.values())
    if "kept" in told:
        kept = told["kept"]
        assert text[:kept] == stored[:kept]
        assert text[kept : kept + 1] != stored[kept : kept + 1]


def _judged(pieces: Sequence[tuple[int, tuple[str, str], str]], kind: VerdictKind) -> tuple[list[Passage], dict[int, Reply]]:
    gate, asked, replies = Gate(whole=False, decode=decode_strings), [], {}
    for choice, (channel, slot), text in [*pieces, (-1, ("", ""), "")]:
        if choice < 0:
            gate.close()
        else:
            gate.push(b"x", {}, [Piece(choice, channel, text, slot)], [choice])
        for ticket in gate.passages():
            asked.append(ticket.passage)
            gate.verdict(ticket, Verdict(kind if "!" in ticket.passage.text else VerdictKind.RELEASE))
        for reply in gate.endings():
            replies[reply.choice] = reply
            gate.ended(reply.choice, Ending(Action.ALLOW, Status.FULL))
    return asked, replies


@settings(max_examples=200, deadline=None)
@given(PIECES, st.sampled_from([VerdictKind.RELEASE, VerdictKind.TRIM, VerdictKind.COMPLETE]))
@example([(0, ("content", ""), "a. b"), (0, ("refusal", ""), "no"), (0, ("content", ""), "a. ")], VerdictKind.RELEASE)
def test_a_passage_stands_where_it_says_in_its_choice_s_reply(
    pieces: list[tuple[int, tuple[str, str], str]], kind: VerdictKind
) -> None:
    """Whatever speaks beside it; what the reply is at its end is the same whether or not it was completed."""
    asked, replies = _judged(pieces, kind)
    for passage in asked:
        reply = replies[passage.choice]
        whole = reply.text if reply.given is None else reply.given
        if passage.at is not None:
            assert whole[passage.at : passage.at + len(passage.text)] == passage.text
            assert passage.channel in ("content", "refusal")
    for choice in {choice for choice, _, _ in pieces}:
        said = [text for index, (channel, _), text in pieces if index == choice and channel in ("content", "refusal")]
        slots = {slot for index, slot, _ in pieces if index == choice and slot[0] in ("content", "refusal")}
        reply = replies[choice]
        assert "".join(said).startswith(reply.text if reply.given is None else reply.given)
        if len(slots) == 1:  # nothing else is read as the reply, so that every passage of it has its place
            assert all(
                passage.at is not None
                for passage in asked
                if passage.choice == choice and passage.channel in ("content", "refusal")
            )


@settings(max_examples=30, deadline=None)
@given(st.text(st.sampled_from("abc. \n😀"), min_size=1, max_size=60), st.lists(st.integers(1, 30), min_size=1, max_size=4))
def test_a_stream_s_passages_are_the_reply_cut_in_order(text: str, sizes: list[int]) -> None:
    """Through the exchange: bytes, frames and characters are three countings, and only one of them is told."""
    parts = [text[at : at + 3] for at in range(0, len(text), 3)]
    frames = [{"choices": [{"index": 0, "delta": {"content": part}}]} for part in parts]
    frames.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    body = b"".join(b"data: " + orjson.dumps(frame) + b"\n\n" for frame in frames) + b"data: [DONE]\n\n"
    script = Script()
    answer(body, script, sizes)
    at = 0
    for passage in script.passages:
        assert passage.at == at
        at += len(passage.text)
    assert "".join(passage.text for passage in script.passages) == text
