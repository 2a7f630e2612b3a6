"""The head that ships, on sentences that nobody trained on."""

from __future__ import annotations

import json

import pytest

from detectors.encoder.manifest import MODELS
from detectors.pii.head import Head
from detectors.pii.manifest import read_manifest, shipped

# Written for this test; in brackets what is to be found: p a person, l a place, o an organisation.
UNSEEN = """
my flatmate [p:Imogen] keeps eating my food
i think [p:rosalind] is the one who told them
ive been seeing [p:dr hargreaves|hargreaves] since june
hiya its [p:Declan] from before
[p:Beatrix] and [p:Otto] dont speak anymore
i was at [p:wilf]'s when it happened
does [p:Anneliese Vogt] work with you?
me nan, [p:Winifred], raised me
[p:fergus] drove me to the hospital
my line manager [p:Bhavna] put me on a warning
i think about [p:Cordelia] every day
tell [p:Ignatius] i tried
[p:Rukmini] is the only aunt i have
[p:gethin] hasnt replied in three days
hello, i am [p:Thandeka]
i never got to say goodbye to [p:Barnaby]
[p:Lachlan] keeps my spare keys
saw [p:Xiomara] with someone else
the twins, [p:Percy] and [p:Hattie], need me
i owe everything to [p:Mr Abernathy|Abernathy]
living in [l:Truro] is lonely
i grew up in [l:saskatoon]
we're moving to [l:Antwerp] in march
theres nothing to do in [l:barrow]
my parents fled [l:Eritrea]
im a student in [l:Leuven]
stuck at a bus station in [l:Albuquerque]
flying home to [l:kochi] tomorrow
i miss the sea in [l:Tauranga]
nobody in [l:rotherham] would care
the winters in [l:Tromsø] are dark
he moved to [l:vermont] without me
i started at [o:Unilever] in may
they let me go from [o:rolls royce]
[o:Monash University] kicked me out
my mum is a carer at [o:Ashdown Lodge]
i got banned from [o:Pinterest]
my claim with [o:Allstate] was refused
i want to die
will you hope with me in may
god help me, i cant do this
my doctor upped my sertraline
mum and dad are at it again
i am so tired of everything
why does it always hurt at night
i cut my hair and my boyfriend laughed
can you explain photosynthesis
i lost my job on monday
christmas was the worst
i keep hearing voices
he left me for someone else
i have an exam tomorrow and i feel sick
there's a bridge near my house
i took my meds late
please stop asking me that
WHY DOES NOBODY LISTEN
I Feel Nothing
grace under pressure, they say
my faith is gone
ring ring nobody there
""".strip().splitlines()

TYPES = {"p": "PERSON", "l": "LOCATION", "o": "ORGANIZATION"}


def _marked(line: str) -> tuple[str, list[tuple[int, int, str]]]:
    """A title before a name may be found with it or not: what stands behind the bar is what must be."""
    text, spans = "", []
    while "[" in line:
        before, _, rest = line.partition("[")
        inside, _, line = rest.partition("]")
        kind, _, said = inside.partition(":")
        said, _, core = said.partition("|")
        text += before + said
        spans.append((len(text) - len(core or said), len(text), TYPES[kind]))
    return text + line, spans


@pytest.fixture(scope="module")
def head() -> Head:
    return Head.load(shipped())


def _f1(head: Head, kinds: set[str], *, capitals: bool) -> float:
    right = found = there = 0
    for line in UNSEEN:
        text, spans = _marked(line)
        own = {span for span in spans if span[2] in kinds}
        names = head.find(text if capitals else text.lower())
        told = {(name.start, name.end, name.type) for name in names if name.type in kinds}
        # a title found with the name is the same name
        told = {next((span for span in own if span[2] == one[2] and span[1] == one[1]), one) for one in told}
        right, found, there = right + len(own & told), found + len(told), there + len(own)
    return 2 * right / (found + there)


@pytest.mark.parametrize("capitals", [True, False])
def test_persons_and_places_in_unseen_sentences_are_found(head: Head, capitals: bool) -> None:
    """F1 of exact spans with their type, persons and places together, as written and without any capital."""
    assert _f1(head, {"PERSON", "LOCATION"}, capitals=capitals) >= 0.8


def test_sentences_without_a_name_are_mostly_left_alone(head: Head) -> None:
    bare = [line for line in UNSEEN if "[" not in line]
    assert sum(bool(head.find(line)) for line in bare) <= 1


def test_medicines_stay_for_whoever_reads_the_case(head: Head) -> None:
    """Some look like a firm or a person to the head."""
    for medicine in ("paracetamol", "Sertraline", "xanax", "Prozac", "tramadol"):
        assert head.find(f"i took 20 {medicine}") == []


def test_the_manifest_says_what_it_was_trained_on_and_how_well_it_does() -> None:
    found = json.loads((shipped() / "manifest.json").read_text("utf-8"))
    licences = {source["name"]: source["licence"] for source in found["sources"]}
    assert licences["wnut17"] == "CC BY 4.0"
    assert licences["presidio_research"] == "MIT"
    assert licences["goemotions"] == "CC BY 4.0"
    assert found["clinically_validated"] is False
    for figures in found["figures"].values():
        for entry in figures["entities"].values():
            value, low, high = entry["f1"]
            assert low <= value <= high
            assert entry["n"] > 0


def test_the_weights_are_small_and_the_tokenizer_is_shared() -> None:
    found = read_manifest(shipped())
    assert found.weights.stat().st_size < 18_000_000
    assert found.tokenizer == MODELS / "handrail-minilm" / "tokenizer.json"


def test_a_long_text_is_searched_to_its_end(head: Head) -> None:
    text = "so i went home and it was late and i was tired. " * 1000 + "my sister Imogen lives in Truro."
    assert {text[name.start : name.end] for name in head.find(text)} >= {"Imogen", "Truro"}
