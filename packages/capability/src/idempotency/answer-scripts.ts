/** What {@link TAKE_SCRIPT} answers when the key was free. */
export const TAKEN = 1

/**
 * Counts what an agent takes up by the time at which it was taken, in so many parts of the time that answers are kept: what
 * ends by itself is counted up to one part longer.
 */
const USAGE = `
local time = redis.call('TIME')
local parts = 24
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local function sliceAt(ms) return math.floor(ms * parts / keepMs) end
local slice = sliceAt(nowMs)
local used = {n = 0, b = 0}
local fields = redis.call('HGETALL', KEYS[2])
for i = 1, #fields, 2 do
  if tonumber(string.sub(fields[i], 3)) < slice - parts then
    redis.call('HDEL', KEYS[2], fields[i])
  else
    local kind = string.sub(fields[i], 1, 1)
    used[kind] = used[kind] + tonumber(fields[i + 1])
  end
end
local function add(kind, amount)
  redis.call('HINCRBY', KEYS[2], kind .. ':' .. string.format('%.0f', slice), amount)
  redis.call('PEXPIRE', KEYS[2], math.ceil(keepMs * (1 + 2 / parts)))
end
`

/**
 * Takes a key off where it was counted: counted off now, it would outlive its count, and make room for more than the limit.
 * How long it still stands says when it was taken, to a millisecond or so.
 */
const GIVE_BACK = `
local function giveBack()
  local taken = sliceAt(nowMs - keepMs + redis.call('PTTL', KEYS[1]))
  for _, off in ipairs({0, 1, -1}) do
    local field = 'n:' .. string.format('%.0f', taken + off)
    if tonumber(redis.call('HGET', KEYS[2], field) or '0') > 0 then return redis.call('HINCRBY', KEYS[2], field, -1) end
  end
end
`

/**
 * Takes a key, or answers what stands there. KEYS: the answer's, and what its agent takes up. ARGV: what to write, for how
 * many milliseconds, keys of one agent, bytes of one agent. Answers the text that stands there, 1 when the key was free and is
 * taken, 0 when the agent has too many.
 */
export const TAKE_SCRIPT: string = `
local before = redis.call('GET', KEYS[1])
if before then return before end
local keepMs = tonumber(ARGV[2])
${USAGE}
if used.n >= tonumber(ARGV[3]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
add('n', 1)
return 1
`

/**
 * Changes what is kept only while it is still the taker's own. ARGV: what stands there; the new text, nothing to free the key;
 * the text to write instead when the agent's answers take up too much; then as above.
 */
export const REPLACE_SCRIPT: string = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local keepMs = tonumber(ARGV[4])
${USAGE}
${GIVE_BACK}
if ARGV[2] == '' then
  giveBack()
  return redis.call('DEL', KEYS[1])
end
local value = ARGV[2]
if used.b + #value - #ARGV[3] > tonumber(ARGV[6]) then value = ARGV[3] end
add('b', #value - #ARGV[3])
redis.call('SET', KEYS[1], value, 'PX', math.max(1, redis.call('PTTL', KEYS[1])))
return 1
`
