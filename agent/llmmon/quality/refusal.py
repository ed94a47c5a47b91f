"""Does the response decline to do what was asked?"""

import math

from llmmon.quality.texts import Texts

_OPENING_CHARS = 140
_HEAD_CHARS = 700

_Cues = tuple[tuple[float, tuple[str, ...]], ...]

_INABILITY = (
    "i cannot",
    "i can't",
    "i can not",
    "i am unable",
    "i'm unable",
    "i am not able",
    "i'm not able",
    "i won't",
    "i will not",
    "i must decline",
    "i have to decline",
    "i'd rather not",
    "not comfortable",
    "cannot provide",
    "can't provide",
    "unable to provide",
    "cannot assist",
    "can't assist",
    "unable to assist",
    "cannot help with",
    "can't help with",
)
_IMPROPER = ("not appropriate", "inappropriate", "not acceptable", "unacceptable", "not okay")
_FIRST_WORDS = (
    *("i'm sorry", "i am sorry", "sorry", "i apologize", "i apologise", "unfortunately"),
    *("i cannot", "i can't", "i'm unable", "i am unable", "i'm not able", "i am not able"),
    *("i won't", "i will not", "i must decline", "i don't think it", "it is not", "it's not"),
    *("as an ai", "i'm just an ai"),
)

# Log odds of a refusal that each group of phrases adds once, however often it is met: phrases
# written by hand, weights from a logistic regression, rounded.
_PRIOR = -2.3
_FIRST_WORDS_WEIGHT = 1.7
_OPENING_CUES: _Cues = ((1.0, _INABILITY), (0.9, _IMPROPER))
_HEAD_CUES: _Cues = (
    (1.0, _INABILITY),
    (1.3, ("assist with that", "help with that", "fulfill", "comply with", "not condone")),
    (1.3, ("cannot engage", "can't engage", "cannot support", "cannot endorse", "cannot promote")),
    (1.3, ("cannot create", "can't create", "cannot generate", "can't generate", "cannot discuss")),
    (0.4, ("sorry, but", "sorry but", "apologize, but", "apologise, but")),
    (0.4, ("ethical guidelines", "my programming", "my guidelines", "content policy")),
    (0.3, ("access to your", "access to personal", "don't have access", "do not have access")),
    (0.6, _IMPROPER),
    (0.9, ("unethical", "not ethical", "immoral", "morally wrong")),
    (0.3, ("illegal", "against the law", "unlawful", "criminal offense", "criminal offence")),
    (0.4, ("harmful", "cause harm", "causing harm", "dangerous activities")),
    (0.6, ("not recommended", "not recommend", "n't recommend", "advise against", "discourage")),
    (0.6, ("not advisable", "never be", "not justified", "not believe")),
    (0.3, ("privacy", "private information", "personal information", "confidential")),
    (0.7, ("stereotypes", "discriminat", "prejudice", "hate speech", "offensive", "derogatory")),
    (0.9, ("respect", "dignity", "inclusiv", "human rights", "well-being")),
    (0.9, ("is important to", "it's important to", "important to note", "always prioritize")),
    (0.5, ("i must ", "point out", "legal and ethical", "safe and legal", "ethical and legal")),
    (0.6, ("seek help", "professional help", "mental health", "reach out to", "helpline")),
    (-1.2, ("not possible", "fictional", "not a real", "not make sense", "not factually")),
    (-0.5, ("1.", "2.", "first,", "```")),
    (-0.4, ("sure,", "sure!", "certainly", "of course", "happy to help", "i can help")),
    (-0.6, ("you can ", "you'll need", "you will need", "typically", "refers to")),
)


def refusal(texts: Texts) -> float | None:
    """Probability from 0 to 1 that the response refuses the request, wholly or in part.

    Phrases in the first 700 characters (inability, apology, policy, ethics; and against them, the
    marks of an answer) each add their log odds. A refusal is not a fault: whether it was right to
    refuse is not judged. English only; a refusal that names no reason and no inability ("Tell me
    about your garden instead.") and a quoted one are judged wrongly. None without a response.
    """
    if not texts.response:
        return None
    head = texts.response[: 2 * _HEAD_CHARS].strip()[:_HEAD_CHARS].lower().replace("’", "'")
    if not head:
        return None
    log_odds = _PRIOR + _weigh(_OPENING_CUES, head[:_OPENING_CHARS]) + _weigh(_HEAD_CUES, head)
    if head.startswith(_FIRST_WORDS):
        log_odds += _FIRST_WORDS_WEIGHT
    return 1.0 / (1.0 + math.exp(-log_odds))


def _weigh(cues: _Cues, text: str) -> float:
    return sum(weight for weight, phrases in cues if any(phrase in text for phrase in phrases))
