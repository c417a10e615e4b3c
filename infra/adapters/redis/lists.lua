-- What every script knows of a list. Its elements: ids, newest first, each once; then its state; then its floor, the
-- largest id ever trimmed (F2). The state is "b", 16 characters of a token and what is settled while the list is being
-- built (F3), and "s" and what is settled from then on.
--
-- Ids are decimal digits and are compared as strings: Lua's numbers lose precision above 2^53.

local call, byte, sub = redis.call, string.byte, string.sub
local NINE = byte('9')
local BUILDING, BUILT = 'b', 's'
local TOKEN_END = 17
local RUN = 1000

local function less(one, other)
  if #one ~= #other then
    return #one < #other
  end
  return one < other
end

-- Return the first index, from the head, whose id is not greater than this one; the count of ids if there is none.
-- Most ids that are asked for are new, so the search starts at the head with small steps.
local function place_of(key, count, id)
  local low, probe, step = 0, 0, 1
  while probe < count and less(id, call('LINDEX', key, probe)) do
    low = probe + 1
    probe = probe + step
    step = step * 2
  end
  local high = math.min(probe, count)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if less(id, call('LINDEX', key, middle)) then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

-- Return the offsets that settled bytes hold: a byte says how many bytes each has, then they follow by partition.
local function offsets_of(settled)
  local offsets = {}
  if settled ~= '' then
    local width = byte(settled)
    for at = 2, #settled, width do
      offsets[#offsets + 1] = struct.unpack('>I' .. width, settled, at)
    end
  end
  return offsets
end

-- Return settled bytes that settle what either does.
local function settle(one, other)
  if one == '' or one == other then
    return other
  end
  local left, right = offsets_of(one), offsets_of(other)
  local width = math.max(byte(one), byte(other) or 0)
  local joined = { string.char(width) }
  for partition = 1, math.max(#left, #right) do
    joined[partition + 1] = struct.pack('>I' .. width, math.max(left[partition] or 0, right[partition] or 0))
  end
  return table.concat(joined)
end

-- Put these elements in the place of those that a list has. It is there all the time, with its time to live: while its
-- slot moves to another node, a script that deletes a list cannot make it again.
local function replace(key, old_count, elements)
  -- Lua hands over no more than some thousand arguments at once.
  for first = 1, #elements, RUN do
    call('RPUSH', key, unpack(elements, first, math.min(first + RUN - 1, #elements)))
  end
  call('LTRIM', key, old_count, -1)
end

-- Merge ids, which grow less, into a list that exists, and write it anew with this state and at most `length` ids.
local function merge(key, ids, floor, state, length)
  local held = call('LRANGE', key, 0, -1)
  local held_count, merged, last = #held - 2, {}, nil
  if less(floor, held[#held]) then
    floor = held[#held]
  end
  local here, there = 1, 1
  while here <= held_count or there <= #ids do
    local id
    if there > #ids or (here <= held_count and not less(held[here], ids[there])) then
      id, here = held[here], here + 1
    else
      id, there = ids[there], there + 1
    end
    if not less(floor, id) then
      break
    end
    if id ~= last then
      merged[#merged + 1], last = id, id
    end
  end
  if #merged > length then
    floor = merged[length + 1]
  end
  for extra = #merged, length + 1, -1 do
    merged[extra] = nil
  end
  merged[#merged + 1] = state
  merged[#merged + 1] = floor
  replace(key, #held, merged)
end

local function numbers_in(text)
  local found = {}
  for number in string.gmatch(text, '%d+') do
    found[#found + 1] = number
  end
  return found
end
