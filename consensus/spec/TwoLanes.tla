------------------------------- MODULE TwoLanes -------------------------------
(****************************************************************************)
(* One term of the two-lane protocol: a committee of few seats (lane F)     *)
(* makes blocks fast, all stake (lane H) makes one of them hard, and a      *)
(* committee that fails is closed.                                          *)
(*                                                                          *)
(* The term begins at Start. Lane F is an instance of Simplex-69 voted by   *)
(* the seats; it ends at LastHeight. Lane H is an instance voted by stake   *)
(* that decides one block X: where the next term begins. Normally X is the  *)
(* block of LastHeight with an F certificate. When lane F stands, seats     *)
(* CLOSE the term, say how far they saw it come, and X may be any notarized *)
(* block that is far enough.                                                *)
(*                                                                          *)
(* As in Simplex69.tla: Byzantine members have cast every vote in both      *)
(* lanes, and here they have also sent CLOSE with every tip; proposers are  *)
(* Byzantine; the network is asynchronous; what a member holds is no state. *)
(* The one exception is CutOff.                                             *)
(****************************************************************************)
EXTENDS Integers, Sequences, FiniteSets

CONSTANTS
    Seated,         \* honest members with a seat, one each
    Unseated,       \* honest members without
    BadSeats,       \* how many seats Byzantine members hold
    Stake,          \* honest member -> stake in lane H
    BadStake,       \* the Byzantine stake
    CutOff,         \* honest members that are heard of too late, and hear too late, for rule (c);
                    \* all of them: no assumption on time; none: who waited has heard of everybody
    LastFastView, LastHardView, LastHeight, Tags,
    InOrder,        \* as in Simplex69.tla
    Mutant

VARIABLES
    sent,           \* lane -> view -> honest member -> the votes it has sent
    closed,         \* honest member -> the tip in its CLOSE, or Open
    certificates    \* <<lane, phase, view, block>> for all that have a quorum

vars == <<sent, closed, certificates>>

Honest == Seated \cup Unseated
Voters(lane) == IF lane = "F" THEN Seated ELSE { m \in Honest : Stake[m] > 0 }
Lanes == {"F", "H"}
Views(lane) == 1 .. IF lane = "F" THEN LastFastView ELSE LastHardView
Open == -1

------------------------------------------------------------------------------
(* Blocks, quorums and certificates, as in Simplex69.tla. Lane H votes for blocks of lane F. *)

Start == <<>>
Height(b) == Len(b)
IsAncestor(a, b) == Len(a) <= Len(b) /\ SubSeq(b, 1, Len(a)) = a

RECURSIVE Total(_)
Total(members) ==
    IF members = {} THEN 0
    ELSE LET m == CHOOSE each \in members : TRUE IN Stake[m] + Total(members \ {m})

Seats == Cardinality(Seated) + BadSeats
IsSeatQuorum(seats) == 100 * seats >= 69 * Seats
Quorums == [lane \in Lanes |->
    IF lane = "F"
    THEN { members \in SUBSET Seated : IsSeatQuorum(Cardinality(members) + BadSeats) }
    ELSE { members \in SUBSET Honest :
           100 * (Total(members) + BadStake) >= 69 * (Total(Honest) + BadStake) }]

ASSUME \A lane \in Lanes : {} \notin Quorums[lane]

Notar(lane, v, b) == <<lane, "PREFER", v, b>> \in certificates
Final(lane, v, b) == <<lane, "COMMIT", v, b>> \in certificates
Null(lane, v) == <<lane, "CANCEL", v, Start>> \in certificates
Notarized(lane, v) == { c[4] : c \in { each \in certificates :
    each[1] = lane /\ each[2] # "CANCEL" /\ each[3] = v } }
NullBetween(lane, low, high) == \A u \in low + 1 .. high - 1 : Null(lane, u)
Entered(lane, v) == v = 1 \/ \E c \in certificates : c[1] = lane /\ c[3] = v - 1

------------------------------------------------------------------------------
(* Lane F: what a proposal must rest on. The same as in Simplex69.tla. *)

FastBases(v) == UNION { IF p = 0 THEN {Start} ELSE Notarized("F", p) :
                        p \in { u \in 0 .. v - 1 : NullBetween("F", u, v) } }

Preferred(v) == UNION { { vote[2] : vote \in { each \in sent["F"][v][m] : each[1] = "PREFER" } } :
                        m \in Seated }
Names(parent, v) == { t \in 1 .. Tags : t = 1 \/ Append(parent, <<v, t - 1>>) \in Preferred(v) }

FastJustified(v) ==
    LET Parents == { b \in FastBases(v) : Height(b) < LastHeight }
        Last == { b \in FastBases(v) : Height(b) = LastHeight }
    IN  Last \cup UNION { { Append(parent, <<v, t>>) : t \in Names(parent, v) } :
                          parent \in Parents }

------------------------------------------------------------------------------
(* Lane H: which X a member may PREFER when it is first proposed. `x` is the view of its NOTAR. *)

Tipped == {<<0, Start>>} \cup { <<c[3], c[4]>> : c \in { each \in certificates :
    each[1] = "F" /\ each[2] # "CANCEL" } }

ByFinal(X) ==  \* (a) the boundary block is final in lane F
    \E v \in Views("F") : Final("F", v, X) /\ Height(X) = LastHeight

ByCloses(x) ==  \* (b) a quorum of seats saw nothing above x. Untimed
    LET Below(m) == closed[m] # Open /\ (closed[m] <= x \/ Mutant = "(b) ignores tips")
        seats == Cardinality({ m \in Seated : Below(m) }) + BadSeats
    IN  IsSeatQuorum(IF Mutant = "(b) with one CLOSE less" THEN seats + 1 ELSE seats)

ByWaiting(m, x) ==  \* (c) waited 2 T_esc; x is not below the own tip, which every CLOSE that comes
                    \* in time has raised
    \A n \in {m} \cup IF m \in CutOff THEN {} ELSE Seated \ CutOff :
        closed[n] # Open /\ closed[n] <= x

Eligible(m) == { tip[2] : tip \in { each \in Tipped :
    \/ ByFinal(each[2])
    \/ ByCloses(each[1])
    \/ ByWaiting(m, each[1]) } }

HardJustified(m, w) ==  \* R10 with a single height: repeated if NOTAR, else new
    UNION { Notarized("H", p) : p \in { u \in 1 .. w - 1 : NullBetween("H", u, w) } }
    \cup IF NullBetween("H", 0, w) THEN Eligible(m) ELSE {}

Justified(lane, m, v) == IF lane = "F" THEN FastJustified(v) ELSE HardJustified(m, v)

------------------------------------------------------------------------------
(* Votes, as in Simplex69.tla; but who has CLOSED signs nothing more in lane F. *)

Phases(lane, m, v) == { vote[1] : vote \in sent[lane][v][m] }
MaySign(lane, m) == lane = "H" \/ closed[m] = Open \/ Mutant = "signs after CLOSE"

(* The argument of Simplex69.tla once more: lane F depends on nothing in lane H, and a member's *)
(* votes in lane F come before its CLOSE. So all of lane F can come first, then every CLOSE.    *)
Silent(lane, after) == \A v \in after + 1 .. IF lane = "F" THEN LastFastView ELSE LastHardView :
    \A m \in Voters(lane) : sent[lane][v][m] = {}
IsDue(lane, v, phase) ==
    \/ ~InOrder
    \/ /\ Silent(lane, v)
       /\ phase = "PREFER" =>
            \A m \in Voters(lane) : \A vote \in sent[lane][v][m] : vote[1] = "PREFER"
       /\ lane = "F" => Silent("H", 0) /\ \A m \in Honest : closed[m] = Open

Cast(lane, m, v, phase, b) ==
    LET vote == <<phase, b>>
        voters == { n \in Voters(lane) : n = m \/ vote \in sent[lane][v][n] }
    IN  /\ sent' = [sent EXCEPT ![lane][v][m] = @ \cup {vote}]
        /\ certificates' = IF voters \in Quorums[lane]
                           THEN certificates \cup {<<lane, phase, v, b>>} ELSE certificates
        /\ UNCHANGED closed

Prefer(lane, m, v) ==
    /\ IsDue(lane, v, "PREFER")
    /\ MaySign(lane, m)
    /\ Phases(lane, m, v) \cap {"PREFER", "CANCEL"} = {}
    /\ \E b \in Justified(lane, m, v) : Cast(lane, m, v, "PREFER", b)

Commit(lane, m, v) ==
    /\ IsDue(lane, v, "COMMIT")
    /\ MaySign(lane, m)
    /\ Phases(lane, m, v) \cap {"COMMIT", "CANCEL"} = {}
    /\ \E b \in Notarized(lane, v) : Cast(lane, m, v, "COMMIT", b)

Cancel(lane, m, v) ==
    /\ IsDue(lane, v, "CANCEL")
    /\ MaySign(lane, m)
    /\ Phases(lane, m, v) \cap {"COMMIT", "CANCEL"} = {}
    /\ Entered(lane, v)
    /\ Cast(lane, m, v, "CANCEL", Start)

(* At any time and for any reason. The tip is the highest NOTAR the member holds, and it holds  *)
(* those its own COMMITs rest on: they are in the record of the COMMIT, so a crash loses none.  *)
CommitViews(m) == IF m \in Seated THEN { v \in Views("F") : "COMMIT" \in Phases("F", m, v) } ELSE {}
Close(m) ==
    /\ closed[m] = Open
    /\ InOrder => Silent("H", 0)
    /\ \E tip \in Tipped :
        /\ (\A v \in CommitViews(m) : v <= tip[1]) \/ Mutant = "CLOSE below COMMIT"
        /\ closed' = [closed EXCEPT ![m] = tip[1]]
    /\ UNCHANGED <<sent, certificates>>

Init ==
    /\ sent = [lane \in Lanes |-> [v \in Views(lane) |-> [m \in Voters(lane) |-> {}]]]
    /\ closed = [m \in Honest |-> Open]
    /\ certificates = {}

Next ==
    \/ \E m \in Honest : Close(m)
    \/ \E lane \in Lanes : \E m \in Voters(lane), v \in Views(lane) :
        Prefer(lane, m, v) \/ Commit(lane, m, v) \/ Cancel(lane, m, v)

Spec == Init /\ [][Next]_vars

------------------------------------------------------------------------------
(* What must hold. *)

FastBlocks == { c[4] : c \in { each \in certificates : each[1] = "F" /\ each[2] = "COMMIT" } }
HardBlocks == { c[4] : c \in { each \in certificates :
    each[1] = "H" /\ (each[2] = "COMMIT" \/ (Mutant = "hard on NOTAR" /\ each[2] = "PREFER")) } }

HardNeverForks == Cardinality(HardBlocks) <= 1

FastNeverReversed == \A X \in HardBlocks : \A Y \in FastBlocks : IsAncestor(Y, X)

NoHonestOffence ==
    /\ \A lane \in Lanes : \A v \in Views(lane), m \in Voters(lane) : \A a, b \in sent[lane][v][m] :
        a # b => a[1] # b[1] /\ {a[1], b[1]} # {"COMMIT", "CANCEL"}
    /\ \A m \in Seated : closed[m] # Open => \A v \in CommitViews(m) : v <= closed[m]

------------------------------------------------------------------------------
(* What must happen: each of these is violated. *)

NeverHardAtBoundary == \A X \in HardBlocks : ~ByFinal(X)
NeverRestarted == \A X \in HardBlocks : ByFinal(X)
NeverKeptByRestart ==  \* a restart that keeps a fast block below the boundary
    ~ \E X \in HardBlocks, Y \in FastBlocks : Y = X /\ Height(Y) < LastHeight

------------------------------------------------------------------------------
(* What makes two states the same in order: certificates, and of each member what can still     *)
(* matter - its newest votes, its CLOSE, and how low that may yet be. Like members can be       *)
(* exchanged.                                                                                   *)

Newest(lane) == CHOOSE v \in {0} \cup Views(lane) :
    Silent(lane, v) /\ (v > 0 => \E m \in Voters(lane) : sent[lane][v][m] # {})
Likenesses ==
    LET fast == Newest("F")
        hard == Newest("H")
        allOpen == \A m \in Honest : closed[m] = Open
        Votes(lane, v, m) == IF v > 0 /\ m \in Voters(lane) THEN sent[lane][v][m] ELSE {}
        Likeness(m) == << m \in Seated, m \in CutOff, Stake[m], closed[m],
            IF closed[m] = Open /\ hard = 0 THEN CommitViews(m) ELSE {},
            IF allOpen /\ hard = 0 THEN Votes("F", fast, m) ELSE {},
            Votes("H", hard, m) >>
        likeness == [m \in Honest |-> Likeness(m)]
    IN  << certificates, [each \in { likeness[m] : m \in Honest } |->
                          Cardinality({ m \in Honest : likeness[m] = each })] >>

------------------------------------------------------------------------------
(* Stakes for the configurations, and what they mean in lane H. With Unseated, seats hold so    *)
(* little of the stake that it does not count, as in a large network, and the others act as     *)
(* one.                                                                                         *)

Equal == [m \in Honest |-> 1]     \* with a bad stake of 1 and three honest: any two of them decide
Thirds == [m \in Honest |-> 21]   \* with a bad stake of 37 and three honest: any two of them decide
Halves == [m \in Honest |-> 31]   \* with a bad stake of 38 and two honest: each decides
Others == [m \in Honest |-> IF m \in Unseated THEN 63 ELSE 0]  \* with a bad stake of 37
==============================================================================
