/**
 * Reserves from all budgets or from none. KEYS: one hash for each budget, from slice to what was taken in it, and last the
 * agent's counters by when they end. ARGV: now in milliseconds, or nothing for the server's own clock; slices in a window;
 * counters of one agent; then window in seconds, limit and cost of each. Answers `{1, slice, …}`, or `{0, seconds to wait}`.
 */
export const RESERVE_SCRIPT = `
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local slices = tonumber(ARGV[2])
local wait = 0
local answer = {1}
local agent = table.remove(KEYS)
local function endOf(window) return now + math.ceil(window + 2 * window / slices) end
local added = 0
redis.call('ZREMRANGEBYSCORE', agent, '-inf', now)
for i, key in ipairs(KEYS) do
  local window = tonumber(ARGV[i * 3 + 1]) * 1000
  if redis.call('EXISTS', key) == 0 then added = added + 1 end
  local slice = math.floor(now * slices / window)
  local counted = {}
  local taken = 0
  local fields = redis.call('HGETALL', key)
  for j = 1, #fields, 2 do
    local each = tonumber(fields[j])
    if each < slice - slices then
      redis.call('HDEL', key, fields[j])
    else
      taken = taken + tonumber(fields[j + 1])
      counted[#counted + 1] = {each, tonumber(fields[j + 1])}
    end
  end
  local needed = taken + tonumber(ARGV[i * 3 + 3]) - tonumber(ARGV[i * 3 + 2])
  if needed > 0 then
    table.sort(counted, function (a, b) return a[1] < b[1] end)
    local free = slice
    for _, pair in ipairs(counted) do
      if needed > 0 then
        needed = needed - pair[2]
        free = pair[1]
      end
    end
    wait = math.max(wait, 1, math.ceil(((free + slices + 1) * window / slices - now) / 1000))
  end
  answer[i + 1] = slice
end
if wait > 0 then return {0, wait} end
if added > 0 and redis.call('ZCARD', agent) + added > tonumber(ARGV[3]) then return {0, 60} end
for i, key in ipairs(KEYS) do
  local window = tonumber(ARGV[i * 3 + 1]) * 1000
  redis.call('HINCRBY', key, string.format('%.0f', answer[i + 1]), ARGV[i * 3 + 3])
  redis.call('PEXPIRE', key, endOf(window) - now)
  redis.call('ZADD', agent, endOf(window), key)
  redis.call('PEXPIRE', agent, math.max(endOf(window) - now, redis.call('PTTL', agent)))
end
return answer
`

/** Gives back. KEYS as above. ARGV: slice and cost of each. A slice that was forgotten meanwhile is not counted any more. */
export const RELEASE_SCRIPT = `
for i, key in ipairs(KEYS) do
  local slice = ARGV[i * 2 - 1]
  if redis.call('HEXISTS', key, slice) == 1 then
    if redis.call('HINCRBY', key, slice, '-' .. ARGV[i * 2]) <= 0 then redis.call('HDEL', key, slice) end
  end
end
return 1
`
