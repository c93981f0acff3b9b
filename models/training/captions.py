"""A bank of captions for training without paired text: some thousands, made from templates.

No caption belongs to any clip. In training, what a clip sounds like finds the caption that
it lies nearest to, and that caption's embedding is the cue.
"""

from .labels import Kinds

AROUND = (  # a saying
    "{}",
    "the sound of {}",
    "{} in the distance",
    "{} close by",
    "{} in a room",
    "{} outdoors",
    "a recording of {}",
    "I can hear {}",
    "{} again and again",
    "the noise of {}",
    "{} in the background",
    "only {}",
)
NAMED = ("{}", "{} sound", "loud {}", "soft {}", "{} noise", "sound effect of {}")
# Sounds of no kind in the table: what one might ask for is wider than what there are clips of.
OTHERS = """
a lawn mower; a leaf blower; an airplane taking off; a jet flying over; a ship's horn; a tram; a
bus; a bicycle bell; a skateboard; a motorboat; a washing machine; a dishwasher; a microwave oven
beeping; a kettle whistling; frying in a pan; boiling water; ice cubes in a glass; a cork popping;
a lighter; a match being struck; a zipper; a stapler; a calculator; a cash register; a vending
machine; a parking meter; a garage door; an air conditioner; a refrigerator humming; an old film
projector; a typewriter; a mouse clicking; a fax machine; a dial-up modem; a radio being tuned;
television in another room; a video game; an arcade; a pinball machine; dice; darts; bowling; a
tennis match; a basketball; a swimming pool; a gym; a boxing bell; skiing; ice skating; a golf
swing; a starting pistol; fireworks; a firecracker; a cannon; a bomb; swords clashing; an arrow; a
whip; a hammer; nails being hammered; an axe chopping wood; a tree falling; a jackhammer; a crane;
a bulldozer; a tractor; a conveyor belt; a printing press; a loom; a lathe; a grinder; welding; a
generator; a water pump; a steam engine; a pressure cooker; a fountain; a geyser; an avalanche; an
earthquake; hail; a tornado; a dripping tap; a bathtub draining; a sneaker squeaking; high heels;
a baby laughing; children playing; a school yard; a lullaby; a rap song; opera; an orchestra
tuning; a string quartet; a marching band; a ukulele; a mandolin; a lute; a cuckoo clock; a
grandfather clock; a metronome; a triangle; castanets; a cajon; a bongo; a djembe; a timbale; a
vuvuzela; an air horn; a fog horn; a bugle; a kazoo; bees buzzing; a mosquito; a fly; a frog
croaking; a toad; a snake hissing; a rattlesnake; a lion roaring; a tiger; a bear growling; an
elephant; a monkey; a gorilla; a hyena; a fox; a squirrel; a rat; a mouse squeaking; a goat
bleating; a sheep; a donkey braying; a turkey gobbling; a hen clucking; a chick; a pigeon cooing;
a dove; a seagull; a parrot; a woodpecker; a cuckoo; a nightingale; an eagle; a hawk; a dolphin; a
seal; a purring cat; a growling dog; a howling dog; a puppy whining; a heart beating; a stomach
rumbling; hiccups; a person sniffing; blowing one's nose; a kiss; gargling; a person spitting;
brushing teeth; a hair clipper; spraying perfume; a shower; flapping wings; a flag in the wind; a
sail; ropes creaking; an elevator bell; an escalator; a turnstile; a revolving door; knocking at a
door; a door handle; a lock; a padlock; a safe; a drawer; a suitcase; an umbrella opening;
footsteps in snow; footsteps in water; a creaking floor; a rocking chair; a bed; curtains; a smoke
detector; a fire truck; a police car; a truck reversing; brakes screeching; a car crash; a car
starting; a car alarm; a windscreen wiper; a turn signal; an announcement; a lecture; a news
reader; a sports commentator; a whisper; a man talking; a woman talking; a child talking; two
people arguing; a foreign language; a phone conversation; a robot voice; a ghost; a zombie; a
monster; a dragon; a spaceship door; a teleporter; a magic spell; a sad trombone; a drum roll; a
jingle; elevator music; jazz; rock music; classical music; heavy metal; folk music; reggae;
techno; a film score; silence; hum of a transformer; electric sparks; a Geiger counter
"""


def caption_bank(kinds: Kinds) -> list[str]:
    """Every caption once, in a fixed order."""
    bank = [around.format(saying) for saying in kinds.sayings() for around in AROUND]
    bank += [named.format(kind.name) for kind in kinds.kinds for named in NAMED]
    bank += [around.format(other) for other in others() for around in AROUND[:4]]
    return list(dict.fromkeys(bank))


def others() -> list[str]:
    """Sounds that the table of kinds does not have."""
    return [" ".join(other.split()) for other in OTHERS.split(";")]
