-- KEYS: lists. ARGV: length, slack, the most ids that any list is pushed; then for each list its ids, each once, which
-- grow, with spaces between.
-- Touch only lists that exist, and put in what they lack (F1). Return how many ids were written.
local length, slack, is_one_each = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local LATE_FEW, MERGED_MIN = 2, 16

-- A list is trimmed in runs: what goes raises the floor, and nothing above the floor is ever missing (F2).
local function trim(key, count)
  if count - 2 < length + slack then
    return
  end
  local state, floor = call('LINDEX', key, -2), call('LINDEX', key, length)
  call('LTRIM', key, 0, length - 1)
  call('RPUSH', key, state, floor)
end

local function put_late(key, id, floor)
  if not less(floor, id) then
    return 0
  end
  local found = call('LINDEX', key, place_of(key, call('LLEN', key) - 2, id))
  if found == id then
    return 0
  end
  trim(key, call('LINSERT', key, 'BEFORE', found, id))
  return 1
end

-- Many late ids are a replay: one look at the list, as deep as the oldest of them, tells which are new, mostly none.
local function put_replay(key, late)
  local held = call('LRANGE', key, 0, place_of(key, call('LLEN', key) - 2, late[1]))
  local floor, is_held, missing = call('LINDEX', key, -1), {}, {}
  for _, id in ipairs(held) do
    is_held[id] = true
  end
  for at = #late, 1, -1 do
    if less(floor, late[at]) and not is_held[late[at]] then
      missing[#missing + 1] = late[at]
    end
  end
  if #missing > MERGED_MIN then
    merge(key, missing, floor, call('LINDEX', key, -2), length)
    return #missing
  end
  local written = 0
  for _, id in ipairs(missing) do
    written = written + put_late(key, id, call('LINDEX', key, -1))
  end
  return written
end

local function put_several(key, head, text)
  local ids = numbers_in(text)
  if less(head, ids[1]) then
    trim(key, call('LPUSH', key, unpack(ids)))
    return #ids
  end
  local late, fresh, written = {}, {}, 0
  for _, id in ipairs(ids) do
    local group = less(head, id) and fresh or late
    group[#group + 1] = id
  end
  if #late > LATE_FEW then
    written = put_replay(key, late)
  else
    for _, id in ipairs(late) do
      written = written + put_late(key, id, call('LINDEX', key, -1))
    end
  end
  if #fresh > 0 then
    trim(key, call('LPUSH', key, unpack(fresh)))
  end
  return written + #fresh
end

local written = 0
for number, key in ipairs(KEYS) do
  local head = call('LINDEX', key, 0)
  if head then
    local ids = ARGV[number + 3]
    if byte(head) > NINE then
      -- The list holds no id yet, so that all above its floor is fresh.
      head = call('LINDEX', key, -1)
    end
    if not is_one_each then
      written = written + put_several(key, head, ids)
    elseif less(head, ids) then
      trim(key, call('LPUSH', key, ids))
      written = written + 1
    else
      written = written + put_late(key, ids, call('LINDEX', key, -1))
    end
  end
end
return written
