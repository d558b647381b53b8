import { Unavailable } from '@countermark/core'
import type { Reply } from './replica.ts'

/**
 * Reads what Redis answers; `undefined` for an agent of which it has nothing. What the caller has added must be at its end.
 * @throws Unavailable `risk_unavailable` for what the script cannot have answered
 */
export function readReply(answer: unknown, own: readonly string[]): Reply | undefined {
  if (!Array.isArray(answer)) throw unreadable()
  if (answer.length === 0 && own.length === 0) return undefined
  const [epoch, seq, from, at, snapshot, entries] = answer
  const texts: readonly unknown[] = Array.isArray(entries) ? entries : [undefined]
  const reply = {
    epoch: String(epoch),
    seq: Number(seq),
    from: Number(from),
    at: Number(at),
    snapshot: typeof snapshot === 'string' ? snapshot : '',
    entries: texts.filter((text) => typeof text === 'string'),
  }
  const isNumbered = [reply.seq, reply.from, reply.at].every((number) => Number.isSafeInteger(number) && number >= 0)
  const isWhole = reply.entries.length === texts.length && reply.from + texts.length === reply.seq + 1
  const isOwn = own.every((text, index) => reply.entries.at(index - own.length) === text)
  if (typeof epoch !== 'string' || !isNumbered || !isWhole || !isOwn) throw unreadable()
  return reply
}

function unreadable(): Unavailable {
  return new Unavailable('risk_unavailable', 'risk', 'the store of risk answers what it cannot mean', {})
}
