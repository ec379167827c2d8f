-- Budgets that nodes share. Each is a bucket of `burst` units that fills at a rate; nodes take units to spend at once
-- (`need`), and borrow some to spend soon (`ahead`).
--
-- What is lent and not yet spent counts as still being in the bucket: it fills up to `burst` less what is lent. So in any
-- time T all nodes together spend at most burst + rate * T, whenever they spend what they have borrowed.
--
-- Units are told in millionths and times in microseconds: whole numbers, exact up to 2^53. This server's clock is the only
-- one.
--
-- KEYS   the budgets
-- ARGV   the node that asks, how long it may keep what it borrows, how many nodes there are; then for each budget
--        interval  in which one whole unit comes back; 0: never, for the units are slots, which are held until they are
--                  given back or their lease is over
--        burst, need, ahead
--        spent     without having been granted
--        returned  borrowed and given back
--        held      borrowed and still there; -1: nothing is told of that
--        open      how much of that was only asked for: it may have been granted by now, or not
--        at        when the node asks, by its own clock
--        keeps     1: what is granted of `need` is borrowed too, and told of in `held` from then on; 0: it is spent
--
-- Returns for each budget: granted of `need`, granted of `ahead`, time until it is whole (of slots: how many of the node's
-- others need more), time until `need` fits, and what is left.
--
-- The value of a budget is "left at", and " node lent until asked kept kept-at" for each node: when it last told what it
-- holds, and what it was lent since that it may not have told of. What is left may be less than nothing. Of slots, `at` is
-- when a node was refused one that has less than half of its part: for as long as a lease one is kept for such a node.

local UNIT = 1000000
local SHORTEST_WAIT = 10000
local SLACK_MS = 1000

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local node, life, nodes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local function read(key, ask)
  local value = redis.call('GET', key)
  if not value then
    return {left = ask.burst, at = ask.interval == 0 and 0 or now, lent = 0, loans = {}}
  end
  local left, at, rest = string.match(value, '^(%S+) (%S+)(.*)$')
  local bucket = {left = tonumber(left), at = math.min(tonumber(at), now), lent = 0, loans = {}}
  for name, lent, ends, asked, kept, kept_at in string.gmatch(rest, ' (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)') do
    local loan = {lent = tonumber(lent), asked = tonumber(asked), kept = tonumber(kept), kept_at = tonumber(kept_at)}
    -- A clock that was set back makes no lease longer.
    loan.ends = math.min(tonumber(ends), now + life)
    bucket.loans[name] = loan
    bucket.lent = bucket.lent + loan.lent
  end
  return bucket
end

local function fill(bucket, ask, at)
  if ask.interval == 0 then
    -- How many slots there are may have been changed since.
    bucket.left = ask.burst - bucket.lent
    return
  end
  if at > bucket.at then
    -- From the deepest debt to the brim is two bursts.
    local back = math.floor(math.min((at - bucket.at) / ask.interval * UNIT, 2 * ask.burst))
    bucket.left = bucket.left + back
    -- The time of a part of a millionth is kept for the next turn: slow budgets live on it.
    bucket.at = math.min(bucket.at + math.ceil(back / UNIT * ask.interval), at)
  end
  local brim = ask.burst - bucket.lent
  if bucket.left >= brim then
    bucket.left, bucket.at = brim, math.max(bucket.at, at)
  end
end

-- Let the time pass: what was not told of until its lease ended counts as spent. A slot falls back.
local function catch_up(bucket, ask)
  local over = {}
  for name, loan in pairs(bucket.loans) do
    if loan.ends <= now then
      over[#over + 1] = name
    end
  end
  table.sort(over, function(one, other) return bucket.loans[one].ends < bucket.loans[other].ends end)
  for _, name in ipairs(over) do
    local loan = bucket.loans[name]
    fill(bucket, ask, loan.ends)
    bucket.loans[name] = nil
    bucket.lent = bucket.lent - loan.lent
  end
  fill(bucket, ask, now)
end

-- Of what the node borrowed it has between `least` and `most` left: the rest was given back, or spent. It may also have
-- more than is known of here, for its lease has lapsed, or all was lost: that much it borrows now.
local function settle(bucket, ask, loan, least, most)
  local held = math.max(least, math.min(loan.lent, most))
  local gone = loan.lent - held
  if ask.interval == 0 or gone < 0 then
    bucket.left = bucket.left + gone
  else
    bucket.left = bucket.left + math.min(ask.returned, gone)
  end
  bucket.lent = bucket.lent - gone
  loan.lent = held
end

local function lend(bucket, loan, units)
  bucket.left = bucket.left - units
  bucket.lent = bucket.lent + units
  loan.lent = loan.lent + units
  loan.ends = now + life
end

-- How many slots each node has a right to.
local function part(ask)
  return math.floor(ask.burst / nodes / UNIT) * UNIT
end

-- Whether a node has less of them than half of that, or none.
local function is_poor(ask, loan)
  return ask.interval == 0 and loan.lent < math.max(part(ask) / 2, UNIT)
end

local function is_short(bucket, ask)
  return ask.interval == 0 and now - bucket.at < life
end

-- What there is for this node: of slots one less while somebody poor is short of them.
local function there_is(bucket, ask, loan)
  return bucket.left - (is_short(bucket, ask) and not is_poor(ask, loan) and UNIT or 0)
end

local function until_fits(bucket, ask)
  if ask.interval == 0 then
    return SHORTEST_WAIT
  end
  local missing = math.min(ask.need, ask.burst) - bucket.left
  -- Those who ask in vain need not come for every single unit where some may gather.
  local gathered = math.min(SHORTEST_WAIT, math.floor(ask.burst / 4 / UNIT) * ask.interval)
  return math.ceil(math.max(missing / UNIT * ask.interval, gathered))
end

local function until_whole(bucket, ask, loan)
  if ask.interval == 0 then
    -- It is above its part, and there are too many altogether, or somebody is short of them.
    local wanted = math.max(-bucket.left, is_short(bucket, ask) and UNIT or 0)
    return math.max(math.min(loan.lent - part(ask), wanted), 0)
  end
  return math.ceil(math.max(ask.burst - bucket.left, 0) / UNIT * ask.interval)
end

local function write(key, bucket, ask)
  local words = {string.format('%.0f %.0f', bucket.left, bucket.at)}
  local lasts = ask.interval == 0 and 0 or until_whole(bucket, ask)
  for name, loan in pairs(bucket.loans) do
    local numbers = {loan.lent, loan.ends, loan.asked, loan.kept, loan.kept_at}
    words[#words + 1] = string.format('%s %.0f %.0f %.0f %.0f %.0f', name, unpack(numbers))
    lasts = math.max(lasts, loan.ends - now)
  end
  redis.call('SET', key, table.concat(words, ' '), 'PX', string.format('%.0f', math.ceil(lasts / 1000) + SLACK_MS))
end

local function answer(key, ask)
  local bucket = read(key, ask)
  catch_up(bucket, ask)
  local loan = bucket.loans[node] or {lent = 0, ends = now, asked = 0, kept = 0, kept_at = 0}
  if ask.held >= 0 and ask.at <= loan.asked then
    -- It was on its way for so long that a later one has told more.
    return {0, 0, until_whole(bucket, ask, loan), 0, bucket.left}
  end
  if ask.spent > 0 then
    bucket.left = math.max(bucket.left - ask.spent, math.min(bucket.left, -ask.burst))
  end
  local borrows = ask.held >= 0
  if borrows then
    if ask.at > loan.kept_at then
      loan.kept = 0
    end
    -- What is open, or was lent after this was asked, may be among what was lent and held, or not.
    settle(bucket, ask, loan, ask.held - ask.open, ask.held + loan.kept)
    loan.asked = ask.at
  elseif ask.returned > 0 then
    local held = math.max(loan.lent - ask.returned, 0)
    settle(bucket, ask, loan, held, held)
  end
  local need, ahead, wait, is_noted = 0, 0, 0, false
  if ask.need > 0 then
    local fits = there_is(bucket, ask, loan) >= math.min(ask.need, ask.burst)
    if fits then
      need = ask.need
    else
      wait = until_fits(bucket, ask)
    end
    if is_poor(ask, loan) then
      bucket.at, is_noted = fits and 0 or now, true
    end
  end
  if need > 0 and (ask.keeps or ask.interval == 0) then
    borrows = true
    lend(bucket, loan, need)
    if ask.keeps then
      loan.kept, loan.kept_at = loan.kept + need, math.max(loan.kept_at, ask.at)
    end
  else
    bucket.left = bucket.left - need
  end
  if ask.held >= 0 then
    if wait == 0 then
      ahead = math.max(math.min(ask.ahead, math.floor(there_is(bucket, ask, loan) / (2 * nodes) / UNIT) * UNIT), 0)
    end
    -- What it holds it may keep for as long again, whatever else it was refused.
    lend(bucket, loan, ahead)
  end
  if borrows then
    bucket.loans[node] = loan
  end
  if borrows or need > 0 or ask.spent > 0 or ask.returned > 0 or is_noted then
    write(key, bucket, ask)
  end
  return {need, ahead, until_whole(bucket, ask, loan), wait, bucket.left}
end

local answers = {}
local place = 4
for _, key in ipairs(KEYS) do
  local numbers = answer(key, {
    interval = tonumber(ARGV[place]),
    burst = tonumber(ARGV[place + 1]),
    need = tonumber(ARGV[place + 2]),
    ahead = tonumber(ARGV[place + 3]),
    spent = tonumber(ARGV[place + 4]),
    returned = tonumber(ARGV[place + 5]),
    held = tonumber(ARGV[place + 6]),
    open = tonumber(ARGV[place + 7]),
    at = tonumber(ARGV[place + 8]),
    keeps = ARGV[place + 9] == '1',
  })
  place = place + 10
  for _, number in ipairs(numbers) do
    answers[#answers + 1] = number
  end
end
return answers
