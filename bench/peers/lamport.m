-- Lamport's message-set specification of Paxos: tests/counts/lamport_paxos.py.
-- A 1b carries only maxVBal: the value is that of the ballot's 2a. bench/programs.py sets the next
-- line.
const A: 3; B: 3; V: 3;

type Acceptor: 0 .. A - 1;
     Ballot: 0 .. B - 1;
     Held: -1 .. B - 1; -- -1: none
     Report: -2 .. B - 1; -- -2: not sent; -1: reports no vote
     Value: 1 .. V;

var maxBal, maxVBal: array[Acceptor] of Held;
    asked: array[Ballot] of boolean; -- 1a
    answer: array[Ballot] of array[Acceptor] of Report; -- 1b
    proposed: array[Ballot] of 0 .. V; -- 2a, 0: not sent
    voted: array[Ballot] of array[Acceptor] of boolean; -- 2b

function chosen(b: Ballot): boolean;
var n: 0 .. A;
begin
  n := 0;
  for a: Acceptor do if voted[b][a] then n := n + 1; end; end;
  return 2 * n > A;
end;

-- Some quorum answered b, and the latest vote that it reports is in c, or there is none (c = -1).
function latest(b: Ballot; c: Held): boolean;
var n: 0 .. A;
    hit: boolean;
begin
  n := 0;
  hit := c = -1;
  for a: Acceptor do
    if answer[b][a] != -2 & answer[b][a] <= c then
      n := n + 1;
      if answer[b][a] = c then hit := true; end;
    end;
  end;
  return hit & 2 * n > A;
end;

startstate begin
  for a: Acceptor do maxBal[a] := -1; maxVBal[a] := -1; end;
  for b: Ballot do
    asked[b] := false;
    proposed[b] := 0;
    for a: Acceptor do answer[b][a] := -2; voted[b][a] := false; end;
  end;
end;

ruleset b: Ballot do
  rule "1a" !asked[b] ==> begin asked[b] := true; end;

  ruleset v: Value do
    rule "2a"
      proposed[b] = 0
      & (latest(b, -1) | exists c: Ballot do c < b & proposed[c] = v & latest(b, c) end)
    ==> begin
      proposed[b] := v;
    end;
  end;

  ruleset a: Acceptor do
    rule "1b" b > maxBal[a] & asked[b] ==> begin
      maxBal[a] := b;
      answer[b][a] := maxVBal[a];
    end;

    rule "2b" proposed[b] != 0 & b >= maxBal[a] & !voted[b][a] ==> begin
      maxBal[a] := b;
      maxVBal[a] := b;
      voted[b][a] := true;
      assert "agreement"
        !chosen(b) | forall c: Ballot do proposed[c] = proposed[b] | !chosen(c) end;
    end;
  end;
end;
