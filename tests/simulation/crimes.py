"""Names of all crimes, and the method of the adversary that commits each."""

ANYWHERE = {
    "two proposals for one view": "equivocate",
    "wrong parent": "wrong_parent",
    "early timestamp": "stamp_early",
    "timestamp of the future": "stamp_late",
    "invalid block": "invalid_block",
    "block without body": "withhold_body",
}
AT_THE_EDGE = {
    "block past the edge": "past_the_edge",
    "sibling at the last height": "sibling_at_last_height",
    "old block re-proposed": "repeat_old_block",
    "un-notarized block re-proposed": "repeat_unnotarized",
    "next instance before the edge is final": "next_instance_early",
}
AS_VOTER = {
    "random vote": "random_vote",
    "support for everything": "support_everything",
    "vote in another's name": "forge_vote",
    "forged certificate": "forge_certificate",
    "vote far ahead": "vote_far_ahead",
    "vote of an old instance": "replay_instance",
}
CRIMES = (*ANYWHERE, *AT_THE_EDGE, *AS_VOTER)
