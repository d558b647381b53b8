import { hash } from 'node:crypto'
import type { SendCommand } from '@countermark/core/internal'

/**
 * Adds entries to an agent's log, and answers with what the caller has not seen yet: one round trip, in one step.
 * KEYS: log (list), state (hash), both with the agent's hash tag. ARGV: the last entry that the caller has seen, -1 for none;
 * the epoch in which it saw it; a name for a new epoch; milliseconds for which all is kept; most entries in the log; new entries.
 * Answers epoch, number of the last entry, number of the first one given, number up to which the snapshot reaches, the snapshot,
 * entries; nothing for an agent that has none.
 */
export const EXCHANGE_SCRIPT = `
local log, state = KEYS[1], KEYS[2]
local epoch = redis.call('HGET', state, 'epoch')
if not epoch then
  if #ARGV < 6 then return {} end
  epoch = ARGV[3]
  redis.call('DEL', log)
  redis.call('HSET', state, 'epoch', epoch)
end
local seq = tonumber(redis.call('HGET', state, 'seq') or '0')
local known = tonumber(ARGV[1])
if ARGV[2] ~= epoch or known > seq then known = -1 end
local length = redis.call('LLEN', log)
for i = 6, #ARGV do
  length = redis.call('RPUSH', log, ARGV[i])
  seq = seq + 1
end
if #ARGV > 5 then redis.call('HSET', state, 'seq', string.format('%.0f', seq)) end
local most = tonumber(ARGV[5])
if length > most then
  redis.call('LTRIM', log, -most, -1)
  length = most
end
local ttl = tonumber(ARGV[4])
if redis.call('PTTL', state) < ttl / 2 then redis.call('PEXPIRE', state, ttl) end
if redis.call('PTTL', log) < ttl / 2 then redis.call('PEXPIRE', log, ttl) end
local first = seq - length + 1
local at, snapshot = 0, ''
if known < first - 1 then
  at = tonumber(redis.call('HGET', state, 'at') or '0')
  if at > 0 then snapshot = redis.call('HGET', state, 'snapshot') end
  known = at
end
local from = math.max(known + 1, first)
local entries = redis.call('LRANGE', log, from - first, -1)
return {epoch, string.format('%.0f', seq), string.format('%.0f', from), string.format('%.0f', at), snapshot, entries}
`

/**
 * Keeps a snapshot and drops the entries that it covers. KEYS as above. ARGV: the epoch, the number of the last entry in the
 * snapshot, the snapshot. An older one, or one of another epoch, changes nothing.
 */
export const KEEP_SCRIPT = `
local log, state = KEYS[1], KEYS[2]
local at = tonumber(ARGV[2])
if redis.call('HGET', state, 'epoch') ~= ARGV[1] then return 0 end
local seq = tonumber(redis.call('HGET', state, 'seq') or '0')
if at > seq or at <= tonumber(redis.call('HGET', state, 'at') or '0') then return 0 end
redis.call('HSET', state, 'at', ARGV[2], 'snapshot', ARGV[3])
redis.call('LTRIM', log, redis.call('LLEN', log) - (seq - at), -1)
return 1
`

const SHA: ReadonlyMap<string, string> = new Map(
  [EXCHANGE_SCRIPT, KEEP_SCRIPT].map((script) => [script, hash('sha1', script, 'hex')]),
)

/** Runs scripts by their digest; a server that does not know one, as after its restart, is sent the text once. */
export function createScriptSender(send: SendCommand): SendCommand {
  return async (name, script = '', ...rest) => {
    const sha = SHA.get(script)
    if (name !== 'EVAL' || sha === undefined) return send(name, script, ...rest)
    try {
      return await send('EVALSHA', sha, ...rest)
    } catch (error) {
      if (!String(Object(error).message).startsWith('NOSCRIPT')) throw error
      return send('EVAL', script, ...rest)
    }
  }
}
