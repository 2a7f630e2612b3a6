"""Which turn a request is, and what of its history is new."""

from __future__ import annotations

import pytest

from guard.turns.contract import Message
from guard.turns.conversation import follow, read
from guard.turns.history import MAX_MESSAGES, MAX_TOKENS, unseen
from guard.turns.questions import asked


def u(text: str) -> Message:
    return Message("user", text)


def a(text: str, extra: bytes = b"") -> Message:
    return Message("assistant", text, extra)


def test_the_turn_is_the_last_user_message() -> None:
    thread = read([Message("system", "be kind"), u("hi"), a("hello"), u("how are you?"), Message("tool", "42")])
    assert thread.turn == 2
    assert thread.digest == thread.digests[2]
    assert thread.previous == thread.digests[0]


def test_a_changing_system_prompt_is_the_same_turn() -> None:
    assert read([Message("system", "9:00"), u("hi")]).digest == read([Message("system", "9:01"), u("hi")]).digest


def test_what_people_said_makes_another_turn() -> None:
    base = read([u("hi"), a("hello"), u("yes")]).digest
    assert read([u("hi"), a("hello"), u("no")]).digest != base
    assert read([u("hi"), a("goodbye"), u("yes")]).digest != base
    assert read([u("hi"), u("hello"), u("yes")]).digest != base
    assert read([u("hi"), a("hello"), Message("user", "yes", b"image")]).digest != base


def test_outer_white_space_of_a_reply_is_not_part_of_it() -> None:
    assert read([u("hi"), a(" hello\n"), u("yes")]).digest == read([u("hi"), a("hello"), u("yes")]).digest


def test_nobody_spoke() -> None:
    thread = read([Message("system", "x")])
    assert thread.turn is None
    assert thread.digest == read([]).digest
    assert unseen(thread, []).indexes == ()


def test_follow_continues_a_digest() -> None:
    assert follow(read([u("hi")]).digest, a("hello")) == read([u("hi"), a("hello")]).digests[-1]


def test_history_that_was_seen_is_not_read_again() -> None:
    thread = read([u("1"), a("2"), u("3"), a("4"), u("5")])
    gap = unseen(thread, thread.digests[:4])
    assert (gap.indexes, gap.branch) == ((), False)


def test_first_sight_of_a_history_is_no_branch() -> None:
    gap = unseen(read([u("1"), a("2"), u("3")]), [])
    assert (gap.indexes, gap.branch, gap.cut) == ((0, 1), False, False)


def test_an_edited_history_is_a_branch_from_where_it_was_edited() -> None:
    seen = read([u("1"), a("2"), u("3"), a("4")]).digests
    gap = unseen(read([u("1"), a("2"), u("other"), a("4"), u("5")]), seen)
    assert (gap.indexes, gap.branch) == ((2, 3), True)


def test_a_shortened_history_is_a_branch() -> None:
    seen = read([u("1"), a("2"), u("3"), a("4")]).digests
    assert unseen(read([u("1"), a("2"), u("5")]), seen).branch


def test_a_reply_with_tool_calls_is_no_branch() -> None:
    seen = [*read([u("1")]).digests, follow(read([u("1")]).digest, a("I will look."))]
    gap = unseen(read([u("1"), a("I will look.", b"[call]"), Message("tool", "42"), u("2")]), seen)
    assert not gap.branch


def test_long_histories_are_read_from_their_end() -> None:
    gap = unseen(read([*(u(str(n)) for n in range(100)), u("now")]), [])
    assert gap.indexes == tuple(range(100 - MAX_MESSAGES, 100))
    assert gap.cut
    heavy = unseen(read([u("x" * MAX_TOKENS * 4), u("short"), u("now")]), [])
    assert heavy.indexes == (1,)


@pytest.mark.parametrize(
    ("text", "rung"),
    [
        ("I hear you. Are you thinking of killing yourself?", 2),
        ("Do you wish you weren\u2019t alive, or could sleep and not wake up?", 1),
        ("Have you thought about how? You don't need to give details.", 3),
        ("Do you think you might act on these thoughts?", 4),
        ("Have you worked out a time or place?", 5),
        ("Have you done anything to hurt yourself or to get ready to? Was it recent?", 6),
        ("Are you safe right now?", 0),
        ("Are they in danger right now?", None),
        ("What would you like to cook today?", None),
        ("People ask: are you thinking of killing yourself. I do not.", None),
        ("Do you want me to kill the process?", None),
        ("", None),
    ],
)
def test_questions_are_read_off_their_words(text: str, rung: int | None) -> None:
    assert asked(text) == rung
