"""Sentences for long prompts: everyday scenes, each a list of patterns with slots in braces.

Nothing here has a digit, a sign of a locker, ship, platform and so on (see length.py), or an order to the reader, so
that no sentence can be taken for a fact that is asked or for an instruction.
"""

SLOTS = {
    "person": "Alma,Bertil,Carmen,Dario,Edda,Farid,Gwen,Hannes,Ines,Jaro,Kaja,Leon,Mirja,Nuno,Odile,Pascal,Quentin,"
              "Rosa,Silvio,Tilda,Ulla,Viktor,Wanda,Yusuf,Zoe".split(","),
    "relative": "aunt,uncle,neighbour,cousin,old friend,sister-in-law,colleague,grandmother,landlord,nephew".split(","),
    "time": "early in the morning,shortly before noon,after lunch,in the late afternoon,at dusk,after supper,"
            "before breakfast,towards the evening,in the middle of the night,during the break".split(","),
    "weather": "a light drizzle,thick fog,a cold wind,driving hail,a sudden shower,wet snow,a gusty breeze,low clouds,"
               "a dry heat,the first frost".split(","),
    "mood": "cheerful,tired,patient,a little worried,quite content,restless,curious,proud,puzzled,relieved".split(","),
    "count": "two,three,four,five,six,seven,a dozen,half a dozen,several,a handful of".split(","),
    "food": "bread,soup,cheese,plums,dumplings,honey,carrots,pancakes,cherries,potatoes,rice pudding,"
            "pickles".split(","),
    "object": "basket,kettle,blanket,notebook,parasol,ladder,bucket,lamp,rope,brush,teapot,cushion".split(","),
    "manner": "slowly,without a word,with great care,in a hurry,as always,rather late,with a smile,for the first time,"
              "twice,more quickly than usual".split(","),
    "length": "a few minutes,half an hour,almost an hour,the whole morning,a quarter of an hour,"
              "most of the day".split(","),
}

SCENES = {
    "market": """
        {person} set up the stall {time} and covered it against {weather}.
        The first customers asked for {food} and tasted some before they paid.
        A crate of {food} had tipped over, and {count} children helped to gather everything up.
        {person} weighed the {food} {manner} and wrapped everything in brown paper.
        At the next stall a man was selling {food} for less than anyone else.
        The {relative} of {person} came by to ask how business was going.
        Towards closing time the prices of {food} dropped by half.
        Someone had left a {object} beside the scales, and nobody came back for it.
        {person} was {mood}, because the {food} had sold out before noon.
        Pigeons walked between the stalls and picked at crumbs.
        The baker's van was late again, so people talked while they waited.
        A musician played the same tune for {length} and then changed the square.
        {person} bought more {food} than the bag could carry.
        With {weather} coming up, the awnings were taken down {manner}.
        {count} regular customers had already reserved their {food} for the weekend.
        A dog stole a slice of something and was gone before anyone could shout.
        """,
    "garden": """
        The beds along the wall had to be weeded, which took {person} {length}.
        {person} planted {count} rows of beans and marked them with sticks.
        After {weather} the soil was too heavy to dig.
        The watering can leaked, so {person} used a {object} instead.
        Blackbirds had found the cherries long before the {relative} did.
        {person} cut back the hedge {manner} and piled the twigs behind the shed.
        Slugs had eaten the lettuce down to the ground.
        The compost smelt of earth and rain, and steam rose from it {time}.
        {person} gave a bag of {food} to the {relative} across the fence.
        The apple tree bore so much fruit that {count} branches needed props.
        A hedgehog crossed the path {time} and vanished under the leaves.
        The roses suffered from {weather}, but the herbs did well.
        {person} sharpened the shears and hung them back on their nail.
        Bees worked the lavender for {length} without a pause.
        The rain barrel was full for the first time since spring.
        {person} looked at the seedlings {manner} and was {mood}.
        """,
    "library": """
        The reading room was quiet except for the radiator.
        {person} returned {count} books and forgot the one on the window sill.
        A school class came {time} and whispered more loudly than it could talk.
        The shelves with the travel books were being moved, which would take {length}.
        {person} searched for a book whose title nobody remembered.
        The librarian repaired a torn page {manner}.
        {count} students had fallen asleep over their notes.
        Because of {weather} more people than usual had come in to get dry.
        {person} read the newspaper from back to front, as every day.
        The {relative} of {person} volunteers there on most afternoons.
        A dictionary without a cover lay open on the long table.
        The catalogue was slow that day, and {person} was {mood} about it.
        Someone had used a piece of string as a bookmark in the cookery book.
        {person} copied a recipe for {food} into a {object} by mistake and laughed.
        The lamp above the atlas flickered {time}.
        An exhibition about old maps had opened on the upper floor.
        """,
    "railway": """
        The branch line was closed for repairs, so a bus took the passengers over the hill.
        {person} waited for {length} and then walked.
        A guard with a whistle walked along the carriages {manner}.
        {count} suitcases stood in the aisle and nobody knew whose they were.
        Through the window {person} saw fields, a mill, and then {weather}.
        The buffet had run out of everything but {food}.
        {person} shared a compartment with the {relative} of an old schoolmate.
        The brakes squealed before the bridge, as they did every time.
        A child counted cows until it fell asleep.
        The conductor was {mood} and joked with everyone who boarded.
        {person} had left a {object} in the waiting room and only noticed after two stops.
        Freight wagons loaded with timber stood on the siding.
        The journey along the river took {length} longer than planned.
        {person} got out {manner} and looked for the {relative}.
        Two signals changed at once, and the express thundered past.
        The old clock in the hall had stopped years ago.
        """,
    "kitchen": """
        {person} peeled {food} at the table and listened to the radio.
        The stew had to simmer for {length}, so there was time to tidy up.
        A pot boiled over {time} and put out the flame.
        {person} could not find the {object} and used a plate as a lid.
        The dough rose so well that it lifted the cloth.
        The {relative} of {person} prefers {food} with butter and nothing else.
        {count} jars of jam stood upside down on the counter.
        {person} tasted the sauce {manner} and added a little salt.
        The window was steamed up because of {weather} outside.
        Somebody had eaten the {food} that was meant for the guests.
        The oven was too hot on one side, as it had been for years.
        {person} washed up and {count} glasses survived.
        A smell of cinnamon hung in the hall long after supper.
        {person} was {mood}, since the recipe had worked at last.
        The cat sat beside the stove and pretended not to look.
        The knives were blunt, and the {relative} promised to sharpen them.
        """,
    "school": """
        The lesson about rivers ended {time} with a short film.
        {person} drew a map on the board {manner}.
        {count} pupils had forgotten their homework, and each had another excuse.
        The choir practised in the gym because of {weather}.
        {person} explained fractions with slices of a cake.
        A ball had landed on the roof, and the caretaker fetched a ladder.
        The class hamster had escaped and was found after {length}.
        {person} was {mood} before the oral exam.
        The chemistry room smelt of matches.
        In the break the children traded {food} and stickers.
        The {relative} of {person} came to talk about working as a nurse.
        {person} lent a {object} to the parallel class and never saw it again.
        The poem had {count} verses, and most of them rhymed.
        A bell rang, and the corridor filled at once.
        The new timetable confused teachers and pupils alike.
        {person} read out the essay {manner}, and the others listened.
        """,
    "workshop": """
        {person} planed the board until the shavings were as thin as paper.
        The varnish needed {length} to dry.
        {count} clamps held the frame together.
        A drawer stuck, so {person} rubbed its sides with a candle.
        The apprentice swept the floor {time} and found a lost {object}.
        {person} measured everything again, {manner}, before cutting.
        The {relative} of {person} had ordered a bench for the porch.
        With {weather} outside, the door stayed shut and the dust hung in the air.
        The saw had a new blade and hardly made a sound.
        {person} was {mood} about the colour of the stain.
        A hinge squeaked until it got a drop of oil.
        Sandpaper of every grade lay in a heap on the bench.
        The glue had set too quickly, and the joint had to be opened.
        {person} carved a small bird from a piece of pear wood.
        {count} chairs waited for new seats of woven cane.
        Lunch was {food}, eaten standing.
        """,
    "festival": """
        Lanterns were hung between the trees {time}.
        The band tuned its instruments for {length}.
        {person} sold {food} from a cart and ran out by nightfall.
        {count} dancers practised their steps on the wet grass.
        {weather} threatened to spoil the opening, but it passed.
        {person} looked for the {relative} in the crowd.
        The mayor's speech was shorter than last year's, which pleased everyone.
        A clown juggled with a {object} and {count} oranges.
        {person} danced {manner} although the shoes were new.
        The tombola ended with a prize that nobody claimed.
        Children ran through the rows of benches with paper crowns.
        The queue for {food} reached back to the fountain.
        {person} was {mood} and stayed until the lights went out.
        A brass quartet played marches from the balcony.
        Volunteers collected bottles and folded up the tables.
        The fireworks had been replaced by a show of kites.
        """,
    "coast": """
        Gulls followed the plough of foam behind the ferry.
        {person} mended nets on the quay {time}.
        The tide came in {manner} and lifted the small boats.
        {weather} moved in from the west within {length}.
        {count} walkers had taken off their shoes to cross the mud flats.
        The {relative} of {person} collects driftwood and makes lamps of it.
        A seal watched the swimmers from a sandbank.
        {person} ate {food} on the steps of the customs house.
        The buoys rang with every wave.
        {person} had put the {object} too close to the water, and it floated away.
        Fishermen argued about the price of diesel.
        The dunes had been planted with grass to hold the sand.
        {person} was {mood} at the sight of the open sea.
        Salt had eaten the paint from the railings.
        {count} kites stood above the beach in a steady wind.
        The lighthouse keeper's cottage is a small museum now.
        """,
    "farm": """
        The hay had to come in before {weather}.
        {person} milked the goats {time} and carried the pails across the yard.
        {count} hens had laid their eggs behind the tractor.
        The fence by the brook was down, and the sheep had noticed.
        {person} repaired the trough with a piece of tin and a {object}.
        The {relative} of {person} drives the combine every summer.
        A foal was born in the night and stood up after {length}.
        The dog brought the herd home {manner}.
        Swallows nested above the stable door.
        {person} stored {food} in the cellar for the winter.
        The vet was {mood}, because the cow had recovered.
        Mud reached up to the axles of the cart.
        {person} tested the grain between two fingers.
        The old mill had been turned into a room for guests.
        {count} sacks of feed were missing from the delivery.
        Everyone ate {food} under the lime tree when the work was done.
        """,
    "town": """
        The street was being paved, and dust lay on every window sill.
        {person} carried a {object} home through {weather}.
        A removal van blocked the lane for {length}.
        {count} neighbours stood at the corner and discussed the new lamps.
        {person} fed the sparrows {time} with crumbs of {food}.
        The barber told the same story {manner}.
        The {relative} of {person} has lived above the bakery since childhood.
        Posters for a concert were pasted over those for a circus.
        {person} was {mood} when the tram finally came.
        A window cleaner whistled high above the pavement.
        The fountain had been switched off for the winter.
        {person} asked for the way to the tannery and was sent in a circle.
        {count} bicycles leaned against the church wall.
        The cinema showed an old film about a stolen violin.
        Somebody practised the trumpet behind closed shutters.
        The florist put out buckets of tulips {time}.
        """,
    "mountain": """
        The path was steep, and {person} stopped for {length} to breathe.
        {weather} came over the ridge {time}.
        The hut served {food} and tea from a huge pot.
        {count} marmots whistled and disappeared into their burrows.
        {person} had packed a {object} that nobody needed.
        The glacier had drawn back behind the last moraine.
        The {relative} of {person} knows every spring in the valley.
        A rope bridge swayed, and the group crossed it {manner}.
        {person} was {mood} at the summit cross.
        Stones rolled down the gully and came to rest in the snow.
        Cowbells could be heard long before the pasture came into view.
        {count} hikers shared the last bench in the sun.
        The map had got wet, so {person} followed the painted marks.
        Above the tree line only moss and lichen grew.
        The cable car was not running because of the wind.
        Boots and socks dried on the stove through the night.
        """,
    "post": """
        The parcel had travelled around for {length} before it came back.
        {person} sorted letters {time} while the others drank coffee.
        {count} postcards had no address at all.
        A package smelt strongly of {food}.
        The {relative} of {person} collects stamps with birds on them.
        {person} pushed the cart through {weather} {manner}.
        A dog waited behind the gate, as it did each day.
        The counter closed early, and {person} was {mood} about it.
        Someone had sent a {object} without any wrapping.
        The scales showed a little too much, everybody knew that.
        {person} read the address aloud and shook a doubtful head.
        {count} sacks stood ready for the night train.
        A letter from overseas caused a small stir.
        The pen on the string had run dry again.
        {person} stuck the label on upside down.
        The queue moved {manner} past the shelf with forms.
        """,
    "theatre": """
        The rehearsal began {time} with the last act.
        {person} painted a forest on {count} panels of canvas.
        The prompter had a cold and whispered too softly.
        A {object} from the props room could not be found.
        {person} learnt the part in {length}.
        The costumes smelt of camphor.
        The {relative} of {person} sews the hats.
        Because of {weather} only half the audience came to the first night.
        {person} fell over a cable and went on {manner}.
        The curtain stuck, and the actors waited in the dark.
        In the interval there was {food} in the foyer.
        {person} was {mood} about the review.
        {count} spotlights had to be hung again.
        The violins tuned while the doors were closed.
        The director changed the ending for the third time.
        Dust danced in the beam of the follow spot.
        """,
    "repair": """
        The boiler had made a noise since autumn, and {person} opened the panel {manner}.
        {count} tiles had come off the roof in {weather}.
        The plumber promised to come {time} and came the day after.
        {person} fixed the shutter with wire from a {object}.
        The bicycle chain jumped whenever the road went uphill.
        The {relative} of {person} owns a drill and lends it to everyone.
        A fuse blew, and the house was dark for {length}.
        {person} glued the handle back onto the jug.
        The washing machine walked across the floor when it spun.
        {person} was {mood} when the tap stopped dripping.
        The wallpaper behind the wardrobe had a different pattern.
        {count} screws were left over at the end.
        Somebody had painted over the socket.
        {person} swept the chimney and found a bird's nest.
        The mechanic ate {food} and thought about the gearbox.
        A draught came from under the door of the pantry.
        """,
    "river": """
        The ferryman pulled the rope {manner} and the raft moved across.
        {person} fished from the jetty for {length} and caught nothing.
        The rain of the past days had raised the water by a hand's breadth.
        {count} ducks slept on the weir.
        The {relative} of {person} rows to work in summer.
        {person} dropped a {object} from the bridge and watched it drift away.
        Willows hung down so low that the boats brushed them.
        The swimmers met {time}, whatever the season.
        A heron stood in the shallows as if it were carved.
        {person} unpacked {food} on the bank.
        The towpath was overgrown beyond the second bend.
        {person} was {mood}, because the canoe did not leak any more.
        The old waterwheel turned again after years of silence.
        {count} anglers compared their hooks.
        Mist lay on the meadows until the sun broke through.
        The dredger worked its way upstream, a little every day.
        """,
}

# What an assistant answers to small talk in a long dialogue.
REPLIES = """
    That sounds like a full day.
    Thank you for telling me; I can picture it well.
    I see. Did anything come of it?
    Such things happen more often than one thinks.
    It is good that somebody took care of it.
    I would have liked to see that.
    Understood, please go on.
    That must have taken some patience.
    Interesting, I had not expected that.
    Small things like these make a day.
    I hope that it went well in the end.
    What a scene! I follow you.
    That is easy to imagine.
    Good to know. What happened then?
    I can see why you remember it.
    Some days are like that.
    A nice detail.
    Then it was worth the trouble.
    All right, I am listening.
    People will talk about it for a while.
    """
