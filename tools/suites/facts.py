"""What is asked in the suite `length`: facts to find, instructions to keep, details of a dialogue.

A *family* is one kind of question. It is asked once at every length, each time with other values, so that a comparison
of two lengths compares like with like.
"""

import collections

NAMES = "Agneta,Bruno,Celeste,Dmitri,Eskil,Fiona,Gustavo,Hedwig,Ingmar,Jolanda,Kamil,Ludmila".split(",")
COLOURS = "turquoise,crimson,beige,violet,amber,indigo,scarlet,ivory,maroon,khaki".split(",")
THINGS = "telescope,accordion,typewriter,microscope,harmonica,sextant,chessboard,barometer,tambourine,globe".split(",")
PLACES = "greenhouse,attic,boathouse,pantry cupboard,chapel,observatory,bakehouse,gatehouse,orangery,tower".split(",")
SHIPS = "Aurelia,Borealis,Calypso,Dorothea,Esperance,Fortuna,Galatea,Halcyon,Isadora,Jupiter".split(",")
TOWNS = "Bergen,Coimbra,Dubrovnik,Esbjerg,Ferrara,Galway,Haarlem,Kotor,Lviv,Malmo".split(",")
ANIMALS = "otter,falcon,lynx,badger,walrus,gecko,puffin,ibex,jackal,koala".split(",")
WORDS = "sapphire,pebble,anchor,velvet,thistle,copper,saffron,domino,walnut,granite".split(",")
# Without May and March, which are other words, too.
MONTHS = "January,February,April,June,July,August,September,October,November,December".split(",")


def _digits(n):
    return lambda rng: str(rng.randrange(10 ** (n - 1), 10 ** n))


def _pick(values):
    return lambda rng: rng.choice(values)


# `subjects` and `value` make the fact; `decoys` others of the same form are put in with other subjects and values.
Needle = collections.namedtuple("Needle", "difficulty fact question subjects value decoys")
NEEDLES = [
    Needle("easy", "The code of the {} locker is {}.", "What is the code of the {} locker? Answer with the code only.",
           COLOURS, _digits(4), 0),
    Needle("easy", "The watchword chosen by {} is '{}'.", "Which watchword did {} choose? Answer with the word only.",
           NAMES, _pick(WORDS), 0),
    Needle("easy", "{} keeps the spare key in the {}.", "Where does {} keep the spare key? Answer with the place only.",
           NAMES, _pick(PLACES), 0),
    Needle("medium", "The ship to {} is called {}.", "What is the ship to {} called? Answer with the name only.",
           TOWNS, _pick(SHIPS), 1),
    Needle("medium", "The coach to {} leaves from platform {}.",
           "From which platform does the coach to {} leave? Answer with the number only.", TOWNS, _digits(2), 2),
    Needle("medium", "The birthday present for {} is the {}.",
           "What is the birthday present for {}? Answer with the thing only.", NAMES, _pick(THINGS), 1),
    Needle("medium", "The extension of {} is {}.", "What is the extension of {}? Answer with the number only.",
           NAMES, _digits(3), 2),
    Needle("medium", "{} was given the {} badge.", "Which colour of badge was {} given? Answer with the colour only.",
           NAMES, _pick(COLOURS), 2),
    # Two facts that lie apart: the second says where the first holds.
    Needle("hard", "The {} stands in the room of {}.", None, THINGS, _pick(NAMES), 0),
    Needle("hard", "The {} is fed by {}.", None, ANIMALS, _pick(NAMES), 0),
]
LINKS = {
    "The {} stands in the room of {}.":
        ("The room of {} is number {}.", "What is the number of the room with the {}? Answer with the number only.",
         _digits(3)),
    "The {} is fed by {}.":
        ("{} lives in {}.", "In which town lives the person who feeds the {}? Answer with the town only.",
         _pick(TOWNS)),
}


def contains(value):
    return {"assert": "icontains", "value": value}


def lacks(value):
    return {"assert": "not-icontains", "value": value}


def regex(value):
    return {"assert": "regex", "value": value}


# `first` stands at the beginning, `later` (each at its share of the length) in the material, `end` at the end. {0},
# {1}, {2} are different words. `answer`, `right` and `wrong` are as in the items, with the same places.
Late = collections.namedtuple("Late", "difficulty first later end answer right wrong")
LATE = [
    Late("easy", "Read the notes below. When you have come to their end, reply with the word '{0}' and nothing else.",
         [], "This is the end of the notes. Reply now.", [regex("(?i)^\\W*{0}\\W*$")], ["{0}"],
         ["Thank you for the notes."]),
    Late("easy", "Answer the question at the end in capital letters only.", [],
         "What is the opposite of hot? One word.", [regex("COLD"), {"assert": "not-regex", "value": "[a-z]"}],
         ["COLD"], ["Cold", "cold"]),
    Late("easy", "Begin your answer to the question at the end with '{0}:'.", [],
         "How many legs has a spider?", [{"assert": "istarts-with", "value": "{0}:"}, regex("(?i)\\b(8|eight)\\b")],
         ["{0}: 8"], ["8", "A spider has eight legs."]),
    Late("medium", "Whatever the last question is, do not answer it; write '{0}' instead, nothing else.", [],
         "What is the capital of France?", [regex("(?i)^\\W*{0}\\W*$")], ["{0}"], ["Paris"]),
    Late("medium", "Answer the question at the end as JSON with the one key 'result'.", [],
         "How much is 6 plus 5?", [{"assert": "is-json"}, regex("\"result\"\\s*:\\s*\"?11\\b")],
         ["{{\"result\": 11}}"], ["11", "{{\"answer\": 11}}"]),
    Late("medium", "Answer the question at the end in exactly three words.", [],
         "What do bees make, and from what?", [{"assert": "word-count", "min": 3, "max": 3}, contains("honey")],
         ["Honey from nectar."], ["Honey.", "Bees make honey from the nectar of flowers."]),
    Late("medium", "At the end, reply with the word '{0}' only.",
         ["Change of plan: at the end, reply with '{1}' only, no longer '{0}'."],
         "This is the end. Reply now.", [regex("(?i)^\\W*{1}\\W*$")], ["{1}"], ["{0}", "{0} {1}"]),
    Late("medium",
         "If the question at the end is about an animal, reply '{0}' only; if it is about a plant, '{1}' only.", [],
         "How high can an oak grow?", [regex("(?i)^\\W*{1}\\W*$")], ["{1}"], ["{0}", "About 30 metres."]),
    Late("hard", "At the end, reply with '{0}' only.",
         ["Correction: reply with '{1}', not '{0}'.", "Last correction: reply with '{2}', not '{1}'."],
         "This is the end. Reply now.", [regex("(?i)^\\W*{2}\\W*$")], ["{2}"], ["{0}", "{1}"]),
    Late("hard", "At the end, list three colours: red, green, blue, with semicolons between them.",
         ["Correction: put plus signs between them, and leave green out."],
         "List them now.", [regex("(?i)^\\W*red\\s*\\+\\s*blue\\W*$")], ["red + blue"],
         ["red; green; blue", "red; blue"]),
]

# A detail that the user tells in some turn, perhaps with a second one that looks like it, or corrects later.
Detail = collections.namedtuple("Detail", "difficulty told question value decoy corrected")
DETAILS = [
    Detail("easy", "By the way, my locker has the number {}.", "What is the number of my locker? Number only.",
           _digits(3), None, None),
    Detail("easy", "Before I forget: my canoe is {}.", "Which colour is my canoe? One word.", _pick(COLOURS), None,
           None),
    Detail("easy", "I was born in {}, by the way.", "In which town was I born? One word.", _pick(TOWNS), None, None),
    Detail("medium", "My own dance teacher is called {}.", "What is my dance teacher called? Name only.", _pick(NAMES),
           "My brother's judo teacher is called {}.", None),
    Detail("medium", "I have hidden the present in the {}.", "Where have I hidden the present? The place only.",
           _pick(PLACES), "The wrapping paper lies in the {}.", None),
    Detail("medium", "My holidays begin in {}.", "In which month do my holidays begin? One word.", _pick(MONTHS),
           "Those of my sister begin in {}.", None),
    Detail("hard", "My customer number is {}.", "What is my customer number? Number only.", _digits(4), None,
           "I gave you a wrong customer number: it is {}."),
    Detail("medium", "I would like a {} for my hobby.", "What would I like for my hobby? One word.", _pick(THINGS),
           None, "I have changed my mind about the hobby: it should be a {}."),
    Detail("medium", "My favourite animal is the {}.", "What is my favourite animal? One word.", _pick(ANIMALS),
           "My grandfather's favourite animal is the {}.", None),
    Detail("hard", "Our meeting is in room {}.", "In which room is our meeting in the end? Number only.", _digits(3),
           "The seminar is in room {}.", "The meeting has moved to room {}."),
]
