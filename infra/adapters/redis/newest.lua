-- KEYS: a list. ARGV: limit, id to stay below or nothing, idle milliseconds, and how many of them may be left before
-- they count anew. Return the newest ids, then what is settled, then the floor; nothing if there is no finished list.
local key = KEYS[1]
local state = call('LINDEX', key, -2)
if not state or sub(state, 1, 1) ~= BUILT then
  return false
end
-- A reading that finds the list young stays a reading, which no replica and no log on disk hears of.
if call('PTTL', key) < tonumber(ARGV[4]) then
  call('PEXPIRE', key, ARGV[3])
end
local count, first, below = call('LLEN', key) - 2, 0, ARGV[2]
if below ~= '' then
  -- Mostly the page before ended at an id of this list, which Redis finds faster than a script can search.
  local found = call('LPOS', key, below, 'MAXLEN', count)
  first = found and found + 1 or place_of(key, count, below)
end
local last = math.min(first + tonumber(ARGV[1]), count) - 1
local page = last < first and {} or call('LRANGE', key, first, last)
page[#page + 1] = sub(state, 2)
page[#page + 1] = call('LINDEX', key, -1)
return page
