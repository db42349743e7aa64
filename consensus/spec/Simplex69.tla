------------------------------ MODULE Simplex69 ------------------------------
(****************************************************************************)
(* Safety of one instance of Simplex-69 with its edge: rules R0 and R2-R7   *)
(* of consensus/README.md, and R10.                                         *)
(*                                                                          *)
(* Only the votes of honest members and the certificates are state.         *)
(* Everything else is given away to the adversary:                          *)
(*   - Byzantine members have cast every vote, for every block, in every    *)
(*     view, from the start. Who wants fewer votes need not count them.     *)
(*   - Every proposer is Byzantine: whatever an honest member may PREFER,   *)
(*     somebody has proposed.                                               *)
(*   - The network is asynchronous: a certificate exists as soon as the     *)
(*     votes for it do, and a member acts on it at any time later or never. *)
(*   - A member acts in every view it may have entered, in any order. What  *)
(*     view it is in, and what it holds, are therefore no state, and that a *)
(*     crash forgets both changes nothing. What it signed is in its log.    *)
(* So each run of the code is a run of this module, but not the reverse.    *)
(****************************************************************************)
EXTENDS Integers, Sequences, FiniteSets

CONSTANTS
    Honest,         \* members that follow the rules, but for the Mutant
    Byzantine,      \* the other members
    Weight,         \* member -> stake
    QuorumPercent,  \* 69; less for a mutant
    LastView,       \* views are 1..LastView: the bound of the search
    LastHeight,     \* heights are 1..LastHeight: where the instance ends (R10)
    Tags,           \* how many different blocks may be built on one parent in one view
    InOrder,        \* TRUE: votes are cast view after view; see IsDue
    GoodView,       \* a view without faults, for StandsOnlyWhenFinal; 0: none
    Mutant          \* the rule that is wrong, or "none"

VARIABLES
    sent,           \* view -> honest member -> the votes it has sent
    log,            \* view -> honest member -> the votes it remembers
    certificates    \* <<phase, view, block>> for all that have a quorum

vars == <<sent, log, certificates>>

Views == 1 .. LastView

------------------------------------------------------------------------------
(* Blocks. A block is its whole chain of <<view, tag>>, from the first block of the instance    *)
(* on; the start of the instance, FINAL before it began, is the empty chain.                    *)

Start == <<>>
Height(b) == Len(b)
IsAncestor(a, b) == Len(a) <= Len(b) /\ SubSeq(b, 1, Len(a)) = a
OnOneChain(a, b) == IsAncestor(a, b) \/ IsAncestor(b, a)

------------------------------------------------------------------------------
(* Quorums: consensus/quorum.py. A liveness check must not count on Byzantine members. *)

RECURSIVE Total(_)
Total(members) ==
    IF members = {} THEN 0
    ELSE LET m == CHOOSE each \in members : TRUE IN Weight[m] + Total(members \ {m})

Helpers == IF GoodView = 0 THEN Byzantine ELSE {}
Quorums == { members \in SUBSET Honest :
    100 * Total(members \cup Helpers) >= QuorumPercent * Total(Honest \cup Byzantine) }

ASSUME {} \notin Quorums  \* else certificates exist without a vote, and nothing can be said

------------------------------------------------------------------------------
(* Certificates: consensus/core/state.py, ViewState. *)

Notar(v, b) == <<"PREFER", v, b>> \in certificates
Final(v, b) == <<"COMMIT", v, b>> \in certificates
Null(v) == <<"CANCEL", v, Start>> \in certificates

Notarized(v) ==  \* voting.notarized_at: a FINAL counts as the NOTAR it implies
    IF v = 0 THEN {Start}
    ELSE { c[3] : c \in { each \in certificates : each[1] # "CANCEL" /\ each[2] = v } }

NullBetween(low, high) == \A u \in low + 1 .. high - 1 : Null(u)

Entered(v) == v = 1 \/ \E c \in certificates : c[2] = v - 1  \* R0

------------------------------------------------------------------------------
(* What a proposal must rest on: voting.is_justified, fits_parent, may_repeat. *)

Bases(v) ==  \* what may be built on in view v, or repeated there
    UNION { Notarized(p) : p \in { u \in 0 .. v - 1 : NullBetween(u, v) } }

Preferred(v) == UNION { { vote[2] : vote \in { each \in sent[v][m] : each[1] = "PREFER" } } :
                        m \in Honest }

Names(parent, v) ==  \* Blocks are named in the order in which they are first PREFERred: it is
                     \* the same search with fewer names.
    { t \in 1 .. Tags : t = 1 \/ Append(parent, <<v, t - 1>>) \in Preferred(v) }

Earlier(Blocks(_), v) == UNION { Blocks(p) : p \in 1 .. v - 1 }

Fresh(v) ==  \* R2; a height above the last is invalid (R10)
    LET bases == IF Mutant = "no parent check" THEN {Start} \cup Earlier(Preferred, v) ELSE Bases(v)
        Parents == { b \in bases : Height(b) < LastHeight }
    IN  UNION { { Append(parent, <<v, t>>) : t \in Names(parent, v) } : parent \in Parents }

Repeated(v) ==  \* R10
    LET bases == CASE Mutant = "no re-proposal" -> {}
                   [] Mutant = "no NULL check" -> Earlier(Notarized, v)
                   [] Mutant = "no NOTAR check" -> Earlier(Preferred, v)
                   [] OTHER -> Bases(v)
    IN  { b \in bases : Height(b) = LastHeight }

Justified(v) == Fresh(v) \cup Repeated(v)

------------------------------------------------------------------------------
(* When a vote is allowed: consensus/core/voting.py, the four `may_` predicates. *)

Phases(m, v) == { vote[1] : vote \in log[v][m] }

MayPrefer(m, v) ==  \* R2
    /\ "PREFER" \notin Phases(m, v) \/ Mutant = "double PREFER"
    /\ "CANCEL" \notin Phases(m, v) \/ Mutant = "PREFER after CANCEL"

MayCommit(m, v) ==  \* R3
    /\ "COMMIT" \notin Phases(m, v)
    /\ "CANCEL" \notin Phases(m, v) \/ Mutant = "COMMIT after CANCEL"

MayCancel(m, v) ==  \* R4
    /\ "CANCEL" \notin Phases(m, v)
    /\ "COMMIT" \notin Phases(m, v) \/ Mutant = "CANCEL after COMMIT"

(* No vote depends on a vote of a later view, nor a PREFER on a COMMIT or CANCEL of its own     *)
(* view; and a vote that is allowed stays so when others, of other members or other views, are  *)
(* added. So each set of votes that can be cast at all can be cast in this order: it loses no   *)
(* state, only ways to get there. `IsLegal` below is the same said as an invariant, and checked *)
(* without it.                                                                                  *)
IsDue(v, phase) ==
    \/ ~InOrder
    \/ /\ \A later \in v + 1 .. LastView : \A m \in Honest : sent[later][m] = {}
       /\ phase = "PREFER" => \A m \in Honest : \A vote \in sent[v][m] : vote[1] = "PREFER"

Cast(m, v, phase, b) ==  \* R8: into the log and out; Signer.tla tells the two apart
    LET vote == <<phase, b>>
        voters == { n \in Honest : n = m \/ vote \in sent[v][n] }
    IN  /\ sent' = [sent EXCEPT ![v][m] = @ \cup {vote}]
        /\ log' = [log EXCEPT ![v][m] = @ \cup {vote}]
        /\ certificates' = IF voters \in Quorums THEN certificates \cup {<<phase, v, b>>}
                           ELSE certificates

Prefer(m, v) ==
    /\ IsDue(v, "PREFER")
    /\ MayPrefer(m, v)
    /\ \E b \in Justified(v) :
        /\ v = GoodView => Preferred(v) \subseteq {b}  \* an honest proposer proposes once
        /\ Cast(m, v, "PREFER", b)

Commit(m, v) ==
    /\ IsDue(v, "COMMIT")
    /\ MayCommit(m, v)
    /\ \E b \in Notarized(v) : Cast(m, v, "COMMIT", b)

Cancel(m, v) ==
    /\ IsDue(v, "CANCEL")
    /\ MayCancel(m, v)
    /\ Entered(v)
    /\ v # GoodView  \* there certificates come before timers
    /\ Cast(m, v, "CANCEL", Start)

(* With its log, a restart changes nothing here. Without it, a member does not know what it     *)
(* said.                                                                                        *)
Restart(m) ==
    /\ Mutant = "no log"
    /\ log' = [v \in Views |-> [log[v] EXCEPT ![m] = {}]]
    /\ UNCHANGED <<sent, certificates>>

Init ==
    /\ sent = [v \in Views |-> [m \in Honest |-> {}]]
    /\ log = sent
    /\ certificates = {}

Next == \E m \in Honest :
    \/ Restart(m)
    \/ \E v \in Views : Prefer(m, v) \/ Commit(m, v) \/ Cancel(m, v)

Spec == Init /\ [][Next]_vars

------------------------------------------------------------------------------
(* What must hold. *)

FinalBlocks == { c[3] : c \in { each \in certificates : each[1] = "COMMIT" } }

Agreement == \A a, b \in FinalBlocks : OnOneChain(a, b)

OneNotarPerView == \A v \in Views : Cardinality(Notarized(v)) <= 1

FinalExcludesNull == \A v \in Views : Null(v) => \A b \in FinalBlocks : ~Final(v, b)

FinalImpliesNotar == \A c \in certificates : c[1] = "COMMIT" => Notar(c[2], c[3])  \* R6

(* consensus/evidence.py, votes_conflict. PREFER with CANCEL is no offence. *)
NoHonestOffence == \A v \in Views : \A m \in Honest : \A x, y \in sent[v][m] :
    x # y => /\ x[1] # y[1]
             /\ {x[1], y[1]} # {"COMMIT", "CANCEL"}

(* R10: the next instance has one start, whoever begins it and however late. *)
Starts == { c[3] : c \in { each \in certificates :
    /\ each[1] = "COMMIT" \/ (Mutant = "next instance on NOTAR" /\ each[1] = "PREFER")
    /\ Height(each[3]) = LastHeight } }
UniqueStart == Cardinality(Starts) <= 1

(* Whether a set of votes can be cast at all can be told without knowing the order: each vote   *)
(* must be allowed by the certificates there are now. With NoHonestOffence this is what InOrder *)
(* needs.                                                                                       *)
IsLegal == \A v \in Views : \A m \in Honest : \A vote \in sent[v][m] :
    CASE vote[1] = "PREFER" -> vote[2] \in Justified(v)
      [] vote[1] = "COMMIT" -> Notar(v, vote[2])
      [] vote[1] = "CANCEL" -> Entered(v)

(* `certificates` is what the votes say: the variable saves TLC the counting. *)
CertificatesAreCounted == \A v \in Views :
    LET votes == UNION { sent[v][m] : m \in Honest } IN
    { <<c[1], c[3]>> : c \in { each \in certificates : each[2] = v } } =
    { vote \in votes : { m \in Honest : vote \in sent[v][m] } \in Quorums }

(* Every step adds a vote, so runs end. If one ends without a FINAL in the good view, members   *)
(* that did all they may wait for each other, for good. Byzantine members are silent here.      *)
StandsOnlyWhenFinal == ENABLED Next \/ \E b \in FinalBlocks : Final(GoodView, b)

------------------------------------------------------------------------------
(* What must happen: each of these is violated, or the invariants above hold for want of runs. *)

NeverFinal == FinalBlocks = {}
NeverNotarAndNull == \A v \in Views : Null(v) => Notarized(v) = {}
NeverFinalByRepetition == \A c \in certificates : c[1] = "COMMIT" => c[3][Len(c[3])][1] = c[2]
NeverTwoLastBlocks ==  \* "there is no lock": R10
    Cardinality({ b \in UNION { Notarized(v) : v \in Views } : Height(b) = LastHeight }) <= 1

------------------------------------------------------------------------------
(* What makes two states the same, for TLC's VIEW. Members of equal weight can be exchanged,    *)
(* and in each view on its own: no rule connects what a member does in different views. (The    *)
(* mutant "no log" does. It only has to fail.)                                                  *)

Ballot(v, m) == <<sent[v][m], log[v][m]>>
Counted(v) == [ballot \in { Ballot(v, m) : m \in Honest } |->
               Cardinality({ m \in Honest : Ballot(v, m) = ballot })]
Counts == [v \in Views |-> Counted(v)]

(* In order, nobody votes any more below the newest view with a vote: its certificates remain. *)
NewestView == CHOOSE v \in 0 .. LastView :
    /\ \A later \in v + 1 .. LastView : \A m \in Honest : sent[later][m] = {}
    /\ v > 0 => \E m \in Honest : sent[v][m] # {}
CountsOfNewest ==
    LET v == NewestView IN <<certificates, IF v = 0 THEN 0 ELSE Counted(v)>>
BallotsOfNewest ==
    LET v == NewestView IN <<certificates, IF v = 0 THEN 0 ELSE [m \in Honest |-> Ballot(v, m)]>>

------------------------------------------------------------------------------
(* Weights for the configurations; members are called by letters, Byzantine ones from "x" on. *)

Equal == [m \in Honest \cup Byzantine |-> 1]
Bad37 == [a |-> 32, b |-> 31, x |-> 37]
Bad38 == [a |-> 31, b |-> 31, x |-> 38]
OneLarge == [a |-> 26, b |-> 13, c |-> 12, d |-> 12, x |-> 37]
==============================================================================
