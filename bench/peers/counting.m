-- Single-decree Paxos, proposers as processes: tests/counts/counting_scope.py.
-- Ballot b is round b / P + 1 of proposer b % P. A Promise carries only the ballot of the vote that
-- it reports, whose value is that of the ballot's Accept. bench/programs.py sets the next line.
const A: 3; P: 2; R: 2;

type Acceptor: 0 .. A - 1;
     Proposer: 0 .. P - 1;
     Ballot: 0 .. P * R - 1;
     Held: -1 .. P * R - 1; -- -1: none
     Report: -2 .. P * R - 1; -- -2: not sent or not received; -1: reports no vote
     Value: 0 .. P; -- 0: Accept is not sent; p + 1: proposer p's own value

var promise, vote: array[Acceptor] of Held;
    answer: array[Ballot] of array[Acceptor] of Report; -- Promise
    proposed: array[Ballot] of Value; -- Accept
    voted: array[Ballot] of array[Acceptor] of boolean; -- Accepted
    round: array[Proposer] of 0 .. R;
    heard: array[Proposer] of array[Acceptor] of Report; -- received in this round

function chosen(b: Ballot): boolean;
var n: 0 .. A;
begin
  n := 0;
  for a: Acceptor do if voted[b][a] then n := n + 1; end; end;
  return 2 * n > A;
end;

startstate begin
  for a: Acceptor do promise[a] := -1; vote[a] := -1; end;
  for b: Ballot do
    proposed[b] := 0;
    for a: Acceptor do answer[b][a] := -2; voted[b][a] := false; end;
  end;
  for p: Proposer do
    round[p] := 0;
    for a: Acceptor do heard[p][a] := -2; end;
  end;
end;

ruleset p: Proposer do
  rule "start" round[p] < R ==> begin
    round[p] := round[p] + 1;
    for a: Acceptor do heard[p][a] := -2; end;
  end;
end;

ruleset b: Ballot; a: Acceptor do
  rule "Prepare arrives" b > promise[a] & round[b % P] > b / P ==> begin
    promise[a] := b;
    answer[b][a] := vote[a];
  end;

  rule "Promise arrives"
    answer[b][a] != -2 & heard[b % P][a] = -2 & proposed[b] = 0 & round[b % P] = b / P + 1
  ==>
  var p: Proposer;
      n: 0 .. A;
      latest: Held;
  begin
    p := b % P;
    heard[p][a] := answer[b][a];
    n := 0;
    latest := -1;
    for c: Acceptor do
      if heard[p][c] != -2 then
        n := n + 1;
        if heard[p][c] > latest then latest := heard[p][c]; end;
      end;
    end;
    if 2 * n > A then
      if latest = -1 then proposed[b] := p + 1; else proposed[b] := proposed[latest]; end;
      for c: Acceptor do heard[p][c] := -2; end;
    end;
  end;

  rule "Accept arrives" proposed[b] != 0 & b >= promise[a] & vote[a] != b ==> begin
    promise[a] := b;
    vote[a] := b;
    voted[b][a] := true;
    assert "agreement"
      !chosen(b) | forall c: Ballot do proposed[c] = proposed[b] | !chosen(c) end;
  end;
end;
