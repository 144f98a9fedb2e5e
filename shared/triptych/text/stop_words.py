"""The closed classes of the languages that are stemmed, by ISO 639-1 code, case folded.

Articles, pronouns, prepositions, conjunctions, auxiliaries. Lists made for topic models also drop
words like "fire", "cry" or "computer", and numbers, which a picture may show.
"""

from collections.abc import Mapping

_WORDS = {
    "ar": """
    في من على إلى الى عن مع هذا هذه ذلك تلك التي الذي هو هي هم نحن انا أنا أنت انت و أو او ثم لا ما
    لم لن إن ان أن قد كان كانت كل بين عند لكن كما
    """,
    "da": """
    en et den det de der dette denne disse jeg du han hun vi i mig dig ham hende os jer dem min mit
    mine din dit dine hans hendes sin sit sine vores deres som hvad hvem hvilken på til fra for med
    om af ved under over og eller men at hvis så er var været være bliver blev har havde kan skal
    vil må ikke sig
    """,
    "de": """
    der die das den dem des ein eine einen einem einer eines kein keine keinen dieser diese dieses
    diesen diesem jener ich mich mir du dich dir er ihn ihm sie es wir uns ihr euch ihnen mein meine
    dein deine sein seine seinen seiner ihre ihren ihrer unser unsere wer was welche in im an am auf
    bei beim für mit von vom zu zum zur aus nach um über und oder aber als wenn so ist sind war
    waren wird werden hat haben hatte kann nicht auch sich
    """,
    "en": """
    a an the this that these those some any each every no
    i me my mine we us our ours you your yours he him his she her hers it its they them their
    theirs who whom whose which what
    of in on at by for with from to into onto as about
    and or but nor so if than then
    is am are was were be been being do does did has have had will would shall should can could
    may might must not
    there here
    """,
    "es": """
    el la los las lo un una unos unas este esta estos estas ese esa esos esas aquel aquella yo me mi
    mí tú te ti él ella ellos ellas nosotros vosotros usted nos os le les se mis tu tus su sus
    nuestro nuestra que qué quien cual de del a al en por para con sin sobre entre y e o u pero ni
    si como es son era fue ser está están ha han hay no
    """,
    "fi": """
    minä sinä hän me te he se ne minun sinun hänen meidän teidän heidän sen niiden tämä tuo nämä nuo
    joka jotka mikä kuka ja tai mutta että jos kun kuin niin on ovat oli olivat ole olla ei eivät
    """,
    "fr": """
    le la les l un une des du de d ce cet cette ces je j me m moi tu te t toi il elle on nous vous
    ils elles se s lui leur leurs mon ma mes ton ta tes son sa ses notre nos votre vos qui que qu
    quoi dont à au aux en dans par pour avec sans sur sous et ou mais ni si est sont était être a
    ont avait ne n pas c y
    """,
    "hu": """
    a az egy ez ezek azok én te ő mi ti ők engem téged őt minket nekem neked neki aki ami amely és
    vagy de ha hogy is mint nem ne van vannak volt voltak lesz
    """,
    "it": """
    il lo la i gli le l un uno una questo questa questi queste quel quello quella quelli quelle io
    me mi tu te ti lui lei noi ci voi vi loro si mio mia tuo tua suo sua suoi sue nostro vostro che
    chi cui di del dello della dei degli delle d a al allo alla ai agli alle da dal dalla dai in nel
    nello nella nei negli nelle con su sul sulla sui per tra fra e ed o ma se è sono era ha hanno
    non ne
    """,
    "nl": """
    de het een t deze dit die dat ik mij me jij je jou u hij hem zij ze haar wij we ons jullie hen
    hun mijn jouw zijn onze wie wat welke in op aan bij voor met van uit naar tot om over en of maar
    als dan dus is ben bent was waren wordt worden heeft hebben had kan niet zich er
    """,
    "no": """
    en ei et den det de dette denne disse jeg eg du han hun ho vi meg deg ham henne oss dere dem min
    mitt mine din ditt dine hans hennes sin sitt sine vår deres som hva hvem hvilken på i til fra
    for med om av ved under over og eller men at hvis så er var vært være blir ble har hadde kan
    skal vil må ikke ikkje seg
    """,
    "pt": """
    o a os as um uma uns umas este esta estes estas esse essa isso aquele aquela eu me mim tu te ti
    ele ela eles elas nós nos vós você vocês lhe se meu minha teu tua seu sua seus suas nosso nossa
    que quem qual de do da dos das em no na nas num numa por pelo pela para com sem sobre entre ao à
    aos às e ou mas nem como é são era foi ser está estão há não
    """,
    "ro": """
    un o unei unui niște acest această acesta aceasta acești aceste acel acea eu mă mine tu te tine
    el ea noi voi ei ele îl îi le își se său sa săi sale lui lor meu mea al a ai ale care cine ce de
    din în la pe cu pentru prin despre fără și sau dar că să dacă ca este e sunt era au are fi nu
    """,
    "ru": """
    я меня мне ты тебя он его ему она её ее ей мы нас нам вы вас вам они их им мой моя твой наш ваш
    свой это этот эта эти тот та те который которая которые кто что в во на с со к ко о об от из у
    за для по до при и а но или же ли если чтобы как не ни бы был была было были есть
    """,
    "sv": """
    en ett den det de denna detta dessa jag du han hon vi ni mig dig honom henne oss er dem min mitt
    mina din ditt dina hans hennes sin sitt sina vår deras som vad vem vilken på i till från för med
    om av vid under över och eller men att så är var varit vara blir blev har hade kan ska inte sig
    """,
}

STOP_WORDS: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split()) for language, words in _WORDS.items()
}
