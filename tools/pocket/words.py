"""The words that the pocket models know.

Each pool has a seen part, used by the pre-training forms of the families, and where it matters an
unseen part, kept for the shifted forms. Unseen words still occur in filler text (copying, stories),
so that they are tokens with trained embeddings: a word the model never met would stay at 0 %
whatever is done to it.
"""

NAMES = """Anna Ben Clara David Emma Felix Greta Hugo Ida Jonas Karin Leo Mara Nils Olga Paul Rosa Sam
Tina Udo Vera Walter Yara Zoe Adam Bella Carl Dora Erik Fiona""".split()
NEW_NAMES = "Kenji Lucia Omar Priya Quinn Ravi Selma Tariq Wanda Xenia Marek Noor".split()

CITIES = """Oslo Rome Paris Berlin Vienna Madrid Lisbon Dublin Athens Prague London Cairo Delhi Tokyo
Lima Boston""".split()
NEW_CITIES = "Zurich Hanoi Quito Tunis Riga Bergen Porto Dakar".split()

JOBS = """nurse baker teacher driver farmer painter lawyer pilot cook singer doctor tailor waiter writer
judge sailor""".split()
NEW_JOBS = "dentist miner florist barber".split()

COLOURS = "red blue green white black yellow brown grey pink orange".split()
THINGS = """cup book chair hat bag coat box ball ring key coin lamp boat drum flag knife shoe clock
bell rope""".split()
NEW_THINGS = "kite ladder mirror basket helmet pillow wagon candle".split()
ANIMALS = "dog cat horse cow goat duck fox owl bear frog sheep mouse".split()
FOODS = "bread soup rice cheese honey salad cake fish beans pasta apples grapes".split()
NEW_FOODS = "olives mango tofu lentils".split()

DEVICES = "lamp heater fan radio oven door blinds camera alarm printer".split()
NEW_DEVICES = "projector fountain shutter dryer".split()
ROOMS = "kitchen hall garage office bedroom cellar garden bathroom".split()
NEW_ROOMS = "attic studio lobby balcony".split()

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = """January February March April May June July August September October November
December""".split()
CODES = tuple("ABCDEFGHJKLMNPQRSTUVWXYZ")  # what a prompt may call a label; without I and O
LETTERS = "a b c d e f g h i j k l m n o p q r s t u v w x y z".split()

PLURALS = "apples coins books pens cups eggs stamps balls shells keys".split()
NEW_PLURALS = "marbles tickets bottles pebbles".split()

# Words of the shifted forms that no pool above holds. Filler uses them, so that they are not noise.
OTHER = """more left lost gives sum increase missing makes take away older oldest youngest closest second
swap first last leave out end only both message remind tell call write timer meet such feed wash paint
born flew works business known list order text steps grow before still many much gave them put""".split()

# Label -> sentences with at least one {slot}, so that every label has thousands of messages.
INTENTS = {
    "shipping": ["Where is my parcel with the {thing}?", "The {thing} has not arrived in {city}.",
                 "When will you deliver my {colour} {thing}?", "Track the parcel to {city} for {name}."],
    "refund": ["I want my money back for the {thing}.", "Pay me back, the {colour} {thing} was broken.",
               "I sent the {thing} back on {day} and wait for my money.",
               "Can {name} get the money for the {thing} back?"],
    "billing": ["Why is my bill {n} higher than before?", "You charged {name} twice for the {thing}.",
                "My invoice from {day} is wrong.", "The invoice says {n} but I paid {m}."],
    "account": ["I forgot the password of {name}.", "Please change my user name to {name}.",
                "I cannot log in since {day}.", "Close the user profile of {name}."],
    "cancel": ["Stop my order of the {colour} {thing}.", "I no longer want the {thing} I ordered on {day}.",
               "Please call off the order for {name}.", "Do not send the {thing} to {city} any more."],
    "hours": ["When do you open on {day}?", "Is the shop in {city} open on {day}?",
              "How long are you open on {day}?", "At what time does the shop in {city} close?"],
    "menu": ["Do you serve {food} on {day}?", "What can I eat with {food}?",
             "Which dishes have {food} in them?", "Is there {food} for lunch in {city}?"],
    "weather": ["Will it rain in {city} on {day}?", "How warm is it in {city}?",
                "Is it sunny in {city} on {day}?", "Does it snow in {city} in {month}?"],
    "music": ["Play the song about the {animal}.", "I want to hear {name} sing.",
              "Play something slow from {city}.", "Turn up the song of the {colour} {animal}."],
    "taxi": ["Send a car to {city} for {name}.", "I need a ride to {city} on {day}.",
             "Pick {name} up at {n} past noon.", "A driver to {city} for {n} people, please."],
    "hotel": ["Book a room in {city} for {name}.", "I need {n} beds in {city} on {day}.",
              "Is a double room free in {city} in {month}?", "A quiet room with a {colour} door in {city}."],
    "doctor": ["{name} has a fever since {day}.", "My arm hurts, can I come on {day}?",
               "I need pills against pain for {name}.", "The {animal} bit {name} in the leg."],
}
NEW_INTENTS = {
    "visa": ["Which papers does {name} need to enter {city}?", "Can I stay in {city} for {n} months?",
             "The border office asks for the papers of {name}."],
    "repair": ["My {thing} is broken, who can fix it?", "Please mend the {colour} {thing} of {name}.",
               "The {thing} makes noise, can somebody fix it on {day}?"],
    "recipe": ["How do I make {food} for {n} people?", "How long must I boil {food}?",
               "Tell {name} how to bake with {food}."],
    "parking": ["Where can I leave my car in {city}?", "Is there room for {n} cars on {day}?",
                "How much is it to leave a car in {city} on {day}?"],
    "gift": ["What could I give {name} for a birthday in {month}?", "A present with a {animal} for {name}?",
             "Wrap the {thing} nicely, it is a surprise for {name}."],
    "pets": ["My {animal} does not eat since {day}.", "Which food is good for a {colour} {animal}?",
             "Can {name} keep a {animal} in {city}?"],
    "jobs": ["Do you hire a {job} in {city}?", "Can {name} work for you as a {job}?",
             "How much does a {job} earn?"],
    "school": ["Which class does {name} attend on {day}?", "When is the exam of {name} in {month}?",
               "Can {name} learn to be a {job} in {city}?"],
}
