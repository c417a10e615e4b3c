-- KEYS: a list. ARGV: token, floor, settled, ids that grow less, length, idle milliseconds. Finish a list iff the token
-- stands; return whether it did.
local state = call('LINDEX', KEYS[1], -2)
if not state or sub(state, 1, TOKEN_END) ~= BUILDING .. ARGV[1] then
  return 0
end
local settled = settle(sub(state, TOKEN_END + 1), ARGV[3])
merge(KEYS[1], numbers_in(ARGV[4]), ARGV[2], BUILT .. settled, tonumber(ARGV[5]))
call('PEXPIRE', KEYS[1], ARGV[6])
return 1
