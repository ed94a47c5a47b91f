"""Common English words by how many requests and answers hold them, commonest first."""

# Words in at least 25 %, 8 %, 3 %, 1.5 % and 0.7 % of the texts of public instruction data. Weights
# fall with that share as an inverse document frequency does, to 0 for words that hold no topic.
COMMON_WORDS: tuple[tuple[float, str], ...] = (
    (
        0.0,
        """
        a and for in is of that the to with
        """,
    ),
    (
        0.1,
        """
        about an are as at be but by can create from have i it its language not on one or
        such their this you your
        """,
    ),
    (
        0.3,
        """
        ai all also any based been being between come could data day describe different do
        dont each example experience find first following generate give given has help how
        however if including information into just life like list make making may me model
        more most my name need new no only other our out over people personal provide should
        so some take technology than them there these they three through time two up us use
        used using was way we well what when where which while who will without words work
        world would write
        """,
    ),
    (
        0.5,
        """
        ability access add additionally after air algorithm always am another answer around
        back beauty because before best better body book both business cannot challenges
        change character city code common communication company complex computer content
        creating creative current customer deep design development down due during end
        energy ensure environment even every explain explore family features feel five food
        found free friends function future get global good great had hand he health heart
        her here heres high his history home human identify im impact importance important
        improve include individuals input intelligence john journey keep key know known
        large lead learn learning least less let light local long love machine made many
        media might must natural nature needs never next night now number numbers offer
        often once online others overall own performance person place please poem possible
        potential power problem process product project python quality real reduce research
        response return right see sense sentence sentences service set share she short
        significant situation skills sky small social something specific start stay store
        story strong style suggest sun support sure system systems team text then therefore
        those times title today together trees type understand understanding unique until
        user users value values various want water ways were why word years
        """,
    ),
    (
        0.75,
        """
        able above accurate achieve across action activities activity additional address
        adventure again against age algorithms allowing allows along american amount analogy
        analysis analyze animals app apple application applications appropriate area areas
        array art article artificial atmosphere attention audience available average avoid
        away background balance beautiful become behavior believe below benefits beyond big
        birds black blue bold books brand break breeze bright bring budget build building
        businesses calculate call called cant capital car carbon care cars case cat cause
        certain challenge changes changing characters check cheese children choose class
        clear climate close color colors com comes comfort community complete compose
        concept concerns conclusion conditions connect consider construct contain context
        continue contribute control cost countries country course created creates creativity
        crucial cultural culture customers daily dance dark date days dear decision
        decisions depending description designed despite details determine develop
        developing did difference difficult digital diverse does double dreams drive driving
        earth easily easy economic economy education effective effectively effects
        efficiency efficient elements email engaging english enhance enjoy ensuring entire
        environmental essential event events ever everyone everything exactly examples
        exercise experiences exploring eyes face factors far fast favorite feature feedback
        feeling few field fields filled final finally financial finds fit focus follow force
        form forward four fresh friend friendly full fun further game general gentle go goal
        goals going google got government green group grow growth hands hard having head
        healthcare healthy hearts helps higher him hold hope house html https humans idea
        ideas ill image improving includes increase increased individual industry
        ingredients innovation innovative insights instead instructions interesting internet
        involves issue issues items job join joy kind knowledge land landscape last latest
        laughter leading leaves led left lets letter letters level levels likely line lines
        little live lives living location look looking lost low main maintain major makes
        man management market marketing materials meaning means medical meet message mind
        mobile modern moment moon morning mountain move movie much multiple music named
        navigate necessary needed network news non note off offering offers oh old ones open
        opportunities opportunity options order original output painting paper paragraph
        park part past patterns peace peaceful per perfect perform personalized phone phrase
        physical piece plan platform platforms play point points political popular position
        positive post powerful practices predict preferences present price print problems
        products professional program programming progress projects promote protect provided
        provides providing public purpose put question questions quick quickly range reach
        read ready recent recognition red reducing regular related relationship relevant
        remember request resources result review rich rise role room run safety same save
        say science sea search second section security seen self series services setting
        several shape shared shopping show side sight simple since single size society soft
        software solution solutions solve someone song sorry sound sources space species
        speed spread square stand stars starting state statement states step steps still
        stop stories strategies street stress structure student students subject success
        successful sum summarize summary summer sustainable sweet table takes taking tall
        task tasks tell temperature term terms test thank thats things think thought
        throughout too tools top topic total towards track traditional transportation travel
        tree trends triangle trip true try trying tweet types typically ultimately under
        united upon uses variable variety vary vast verse very vibrant video visit voice
        warm waste weather web website whether white wide wind within working works writing
        www year yet young youre yourself
        """,
    ),
)
