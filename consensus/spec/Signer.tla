-------------------------------- MODULE Signer --------------------------------
(****************************************************************************)
(* One honest member that crashes between any two steps: R7 and R8 of       *)
(* consensus/README.md, as core/step.py, guard.py and records.py do them.   *)
(*                                                                          *)
(* Simplex69.tla lets a vote go into the log and out in one step, and says  *)
(* that a restart changes nothing. Here are the steps between: the core     *)
(* asks for a vote, the engine writes it, then signs and sends it. Of the   *)
(* others nothing is known: any proposal and any certificate may arrive at  *)
(* any time, also such as exclude each other. So what holds here holds for  *)
(* a member of every network.                                               *)
(****************************************************************************)
EXTENDS Integers, Sequences, FiniteSets

CONSTANTS
    LastView,   \* views are 1..LastView
    Blocks,     \* what may be proposed in a view
    Mutant      \* the rule that is wrong, or "none"

VARIABLES
    view,       \* the core's; lost in a crash
    memory,     \* votes the core has asked for; lost in a crash
    queue,      \* what the core has asked for and the engine has not yet done; lost in a crash
    log,        \* votes written and fsynced; they survive
    floor,      \* the newest HeightFinal in the log: nothing at or below it is ever signed again
    sent,       \* votes somebody else may hold
    refused     \* the guard disagreed with the core, and the node stopped

vars == <<view, memory, queue, log, floor, sent, refused>>

Views == 1 .. LastView
None == "no block"
Vote(phase, v, b) == <<phase, v, b>>
Settled(v) == <<"SETTLED", v, None>>  \* not a vote: the order to write HeightFinal

Phases(votes, v) == { vote[1] : vote \in { each \in votes : each[2] = v } }

------------------------------------------------------------------------------
(* The core: consensus/core/voting.py and step.py. *)

MaySign == ~refused /\ view \in Views /\ (view > floor \/ Mutant = "no floor")

MayPrefer == MaySign /\ Phases(memory, view) \cap {"PREFER", "CANCEL"} = {}
MayCancel == MaySign /\ Phases(memory, view) \cap {"COMMIT", "CANCEL"} = {}
MayCommit(v) ==
    /\ MaySign /\ v >= view
    /\ Phases(memory, v) \cap {"COMMIT", "CANCEL"} = {}

Ask(vote) ==  \* step.cast: remember first
    /\ memory' = memory \cup {vote}
    /\ queue' = Append(queue, vote)
    /\ UNCHANGED <<log, floor, sent, refused>>

Prefer == \E b \in Blocks :
    /\ MayPrefer
    /\ Ask(Vote("PREFER", view, b))
    /\ UNCHANGED view

Cancel ==
    /\ MayCancel
    /\ Ask(Vote("CANCEL", view, None))
    /\ UNCHANGED view

Enter(v) == view' = IF v >= view THEN v + 1 ELSE view  \* R0, R3, R5

LearnNotar == \E v \in Views, b \in Blocks :
    /\ MayCommit(v)
    /\ Ask(Vote("COMMIT", v, b))
    /\ Enter(v)

LearnNull == \E v \in Views :  \* or a NOTAR without a COMMIT: it takes the member as far
    /\ ~refused /\ v >= view
    /\ Enter(v)
    /\ UNCHANGED <<memory, queue, log, floor, sent, refused>>

LearnFinal == \E v \in Views :
    /\ ~refused /\ v > floor
    /\ \A i \in DOMAIN queue : queue[i][1] = "SETTLED" => queue[i][2] < v
    /\ queue' = Append(queue, Settled(v))
    /\ memory' = { vote \in memory : vote[2] > v }  \* finality._finalize forgets the views
    /\ Enter(v)
    /\ UNCHANGED <<log, floor, sent, refused>>

------------------------------------------------------------------------------
(* The engine does what the core asked for, in order: the guard, the log, the signature. *)

GuardAllows(vote) ==  \* guard.may_cast
    LET v == vote[2]
        others == { each \in log : each[2] = v /\ each # vote }
    IN  /\ v > floor \/ Mutant = "no floor"
        /\ vote[1] \notin Phases(others, v)
        /\ "CANCEL" \notin Phases(others, v)
        /\ vote[1] = "CANCEL" => "COMMIT" \notin Phases(others, v)

Work ==
    /\ ~refused /\ queue # <<>>
    /\ LET next == Head(queue) IN
       CASE next[1] = "SETTLED" ->
              /\ floor' = next[2]
              /\ log' = { vote \in log : vote[2] > next[2] }  \* the log is pruned
              /\ UNCHANGED refused
         [] next[1] # "SETTLED" /\ GuardAllows(next) ->
              /\ log' = log \cup {next}
              /\ UNCHANGED <<floor, refused>>
         [] OTHER -> refused' = TRUE /\ UNCHANGED <<log, floor>>
    /\ queue' = Tail(queue)
    /\ UNCHANGED <<view, memory, sent>>

(* Now, later, or again after a restart (R9): what is in the log may be signed and sent. *)
Send == \E vote \in log :
    /\ sent' = sent \cup {vote}
    /\ UNCHANGED <<view, memory, queue, log, floor, refused>>

SendUnlogged ==
    /\ Mutant = "signs before the log" /\ ~refused
    /\ queue # <<>> /\ Head(queue)[1] # "SETTLED"
    /\ sent' = sent \cup {Head(queue)}
    /\ UNCHANGED <<view, memory, queue, log, floor, refused>>

------------------------------------------------------------------------------
(* A crash and the restart after it. The certificates may be lost, and the database with them:  *)
(* so the view is any, also one long left. What the member may still sign hangs on the log      *)
(* alone.                                                                                       *)

Crash ==
    /\ ~refused
    /\ log' \in CASE Mutant = "no log" -> {{}}
                  [] Mutant = "log of a backup" -> SUBSET log
                  [] OTHER -> {log}
    /\ floor' = IF Mutant = "no log" THEN 0 ELSE floor
    /\ memory' = IF Mutant = "core forgets" THEN {} ELSE log'  \* recovery.replay
    /\ view' \in Views
    /\ queue' = <<>>
    /\ UNCHANGED <<sent, refused>>

Init ==
    /\ view = 1 /\ floor = 0
    /\ memory = {} /\ queue = <<>> /\ log = {} /\ sent = {}
    /\ refused = FALSE

Next ==
    \/ Prefer \/ Cancel \/ LearnNotar \/ LearnNull \/ LearnFinal
    \/ Work \/ Send \/ SendUnlogged
    \/ Crash

Spec == Init /\ [][Next]_vars

------------------------------------------------------------------------------
(* What must hold. *)

NoOffence == \A x, y \in sent :  \* evidence.votes_conflict
    x # y /\ x[2] = y[2] => /\ x[1] # y[1]
                            /\ {x[1], y[1]} # {"COMMIT", "CANCEL"}

LoggedBeforeSent == \A vote \in sent : vote \in log \/ vote[2] <= floor

GuardNeverRefuses == ~refused  \* guard.py and voting.py say the same, though they share no code

(* What must happen: violated, or the log is never pruned of anything that is out there. *)
NeverSettledAndSent == \A vote \in sent : vote[2] > floor

==============================================================================
