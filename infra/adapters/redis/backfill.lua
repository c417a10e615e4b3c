-- KEYS: a list. ARGV: floor, settled, ids that grow less, length. Merge into a list that exists, finished or not.
local state = call('LINDEX', KEYS[1], -2)
if not state then
  return 0
end
local head = sub(state, 1, sub(state, 1, 1) == BUILDING and TOKEN_END or 1)
local settled = settle(sub(state, #head + 1), ARGV[2])
merge(KEYS[1], numbers_in(ARGV[3]), ARGV[1], head .. settled, tonumber(ARGV[4]))
return 1
